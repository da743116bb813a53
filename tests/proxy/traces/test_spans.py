"""A call's trace: the call below its caller's span, and below it RESERVE, each attempt and SETTLE."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, hello
from tests.proxy.traces.conftest import Caller, Traced

SERVER, CLIENT, INTERNAL = 2, 3, 1


def named(spans: list[dict[str, Any]], name: str, kind: int) -> list[dict[str, Any]]:
    return [one for one in spans if (one["name"], one["kind"]) == (name, kind)]


def test_call_stands_below_its_caller_and_its_parts_below_it(
    api: Api, tenant: Tenant, traced: Traced, caller: Caller
) -> None:
    answer = api.chat(caller.header(), max_tokens=50)
    spans = traced.collector.trace(answer.headers["x-orbit-request-id"], 4)
    [call] = named(spans, "chat gpt-4o-mini", SERVER)
    [attempt] = named(spans, "chat gpt-4o-mini", CLIENT)
    [reserve], [settle] = named(spans, "reserve", INTERNAL), named(spans, "settle", INTERNAL)
    assert (call["trace_id"], call["parent_id"], call["state"]) == (
        caller.trace_id,
        caller.span_id,
        "vendor=1",
    )
    assert {one["parent_id"] for one in (attempt, reserve, settle)} == {call["span_id"]}
    assert len({one["span_id"] for one in spans}) == 4
    assert int(call["start"]) <= int(reserve["start"]) <= int(reserve["end"]) <= int(attempt["start"])
    assert int(attempt["end"]) <= int(call["end"]) <= int(settle["end"])
    usage, told = answer.json()["usage"], call["attributes"]
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai_compatible",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stream": False,
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.response.finish_reasons": [answer.json()["choices"][0]["finish_reason"]],
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
        "orbit.request_id": answer.headers["x-orbit-request-id"],
        "orbit.organization": tenant.slug,
        "orbit.organization_id": str(tenant.id),
        "orbit.project_id": told["orbit.project_id"],
        "orbit.key_id": told["orbit.key_id"],
        "orbit.endpoint": "chat/completions",
        "orbit.account": "demo",
        "orbit.attempts": 1,
        "orbit.status": "settled",
        "orbit.usage_source": "provider",
        "orbit.cost_nano": int(answer.headers["x-orbit-cost-nano"]),
        "orbit.currency": "USD",
    } | {name: value for name, value in told.items() if name.startswith("gen_ai.usage.")}
    assert attempt["attributes"]["http.response.status_code"] == 200
    assert attempt["attributes"]["server.address"] == "127.0.0.1"
    assert {(one["failed"], one["service"]) for one in spans} == {(False, "orbit-gateway")}


def test_stream_tells_its_time_to_first_token(api: Api, traced: Traced) -> None:
    answer = api.chat(stream=True)
    spans = traced.collector.trace(answer.headers["x-orbit-request-id"], 4)
    [call] = named(spans, "chat gpt-4o-mini", SERVER)
    seconds = call["attributes"]["gen_ai.response.time_to_first_chunk"]
    assert call["attributes"]["gen_ai.request.stream"] is True
    assert int(call["start"]) <= int(call["events"]["first_token"]) <= int(call["end"])
    assert 0 <= seconds <= (int(call["end"]) - int(call["start"])) / 1e9 + 0.001
    assert call["parent_id"] == ""


def test_refusal_has_its_code_and_limit_and_no_attempt(
    make_tenant: MakeTenant, api_of: ApiOf, traced: Traced, caller: Caller
) -> None:
    limit = {"name": "tiny", "meter": "requests", "per": "day", "limit": 1}
    api = api_of(make_tenant(limits=[limit]))
    assert api.chat().status_code == 200
    answer = api.chat(caller.header())
    assert answer.status_code == 429
    call, reserve = traced.collector.trace(answer.headers["x-orbit-request-id"], 2)
    assert (call["name"], call["kind"], call["parent_id"]) == ("chat gpt-4o-mini", SERVER, caller.span_id)
    assert (call["failed"], call["error"]) == (True, "insufficient_quota")
    told = {
        name: call["attributes"].get(name) for name in ("orbit.status", "orbit.refusal.limit", "error.type")
    }
    assert told == {
        "orbit.status": "refused",
        "orbit.refusal.limit": "tiny",
        "error.type": "insufficient_quota",
    }
    assert (reserve["name"], reserve["parent_id"]) == ("reserve", call["span_id"])


@pytest.fixture
def routed(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    accounts = [
        {
            "name": name,
            "kind": "openai_compatible",
            "base_url": provider.base_url,
            "prices_as": "openai",
            "credential": {"value": "sk-demo-tests"},
        }
        for name in ("first", "second")
    ]
    targets = [
        {"account": "first", "model": "gpt-4o-mini?status=503", "weight": 1},
        {"account": "second", "model": "gpt-4o-mini", "weight": 0},
    ]
    return make_tenant(
        entry={"provider_accounts": accounts, "models": [{"alias": "gpt-4o-mini", "targets": targets}]},
        unpriced_models={"input": "1.00", "output": "2.00"},
    )


def test_failover_has_a_span_for_each_attempt(routed: Tenant, api_of: ApiOf, traced: Traced) -> None:
    answer = api_of(routed).chat()
    assert answer.status_code == 200, answer.text
    spans = traced.collector.trace(answer.headers["x-orbit-request-id"], 5)
    first, second = [one for one in spans if one["kind"] == CLIENT]
    assert (first["attributes"]["orbit.account"], first["attributes"]["orbit.attempt"]) == ("first", 1)
    assert (first["failed"], first["attributes"]["http.response.status_code"]) == (True, 503)
    assert (second["attributes"]["orbit.account"], second["failed"]) == ("second", False)
    assert int(first["end"]) <= int(second["start"])
    [call] = [one for one in spans if one["kind"] == SERVER]
    assert (call["attributes"]["orbit.attempts"], call["failed"]) == (2, False)


def test_failed_call_says_why(api: Api, traced: Traced) -> None:
    answer = api.chat(messages=hello("status=500"))
    spans = traced.collector.trace(answer.headers["x-orbit-request-id"], 4)
    [call] = [one for one in spans if one["kind"] == SERVER]
    assert call["failed"]
    assert call["attributes"]["error.type"] == "upstream_error"
    assert call["attributes"]["orbit.status"] == "provider_failed"


def test_spans_hold_nothing_that_was_said(api: Api, traced: Traced) -> None:
    canary = "canary-7f30-prompt"
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": f"Repeat {canary}"}],
        "user": "canary-7f30-user",
        "metadata": {"team": "canary-7f30-tag"},
    }
    answer = api.chat(**body)
    said = answer.json()["choices"][0]["message"]["content"]
    refused = api.chat(model="canary-7f30-model")
    assert refused.status_code == 404
    traced.collector.trace(answer.headers["x-orbit-request-id"], 4)
    traced.collector.trace(refused.headers["x-orbit-request-id"], 1)
    sent = (traced.collector.folder / "bodies").read_bytes()
    assert answer.headers["x-orbit-request-id"].encode() in sent
    assert b"canary-7f30" not in sent
    assert said[:40].encode() not in sent
    assert api.key.encode() not in sent
    assert b"sk-demo" not in sent


def test_sent_spans_are_counted(api: Api, traced: Traced) -> None:
    answer = api.chat()
    traced.collector.trace(answer.headers["x-orbit-request-id"], 4)
    told = httpx2.get(traced.gateway.base_url.removesuffix("/v1") + "/metrics", trust_env=False).text
    counted = {
        parse[1]: float(parse[2])
        for parse in re.finditer(r'^orbit_trace_spans_total\{outcome="(\w+)"\} (\S+)$', told, re.MULTILINE)
    }
    assert counted["exported"] >= 1
    assert counted["dropped"] == 0
