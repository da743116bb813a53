"""Personal data on its way to a provider: replaced or refused as the policy says, and told of without the values."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib.store import client as client_of_store
from quotas import keys
from quotas.tasks import COLLECT
from tenants import services
from tenants.schema import policy_document
from tests.audit.test_schema import faults
from tests.conftest import MakeTenant
from tests.proxy.conftest import LIMITS, ApiOf, Untouched
from tests.proxy.personal.conftest import CARD, MAIL, PHONE, found, looking, rule
from tests.proxy.roads import ANTHROPIC, CLAUDE, GPT, ROADS, Road, travelling
from tests.proxy.test_contents import await_stored, read

ECHO = "[[orbit-demo: echo]]"


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def shown(answer: Any) -> str:
    """What the demo provider repeats of what it got."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return str(body["choices"][0]["message"]["content"] if "choices" in body else body["content"][0]["text"])


@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_provider_gets_the_masked_form(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, road: Road
) -> None:
    tenant = looking(
        make_tenant, provider, rule("mask", "EMAIL_ADDRESS"), rule("log", "PHONE_NUMBER", direction="request")
    )
    body = road.body(messages=said(f"I am {MAIL}, {PHONE} {ECHO}"))
    answer = api_of(tenant).send("POST", road.path, orjson.dumps(body), road.headers)
    assert shown(answer).startswith(f"I am [EMAIL_ADDRESS], {PHONE}")
    assert found(tenant) == [
        ("EMAIL_ADDRESS", "request", "user", "mask", "1"),
        ("PHONE_NUMBER", "request", "user", "log", "1"),
    ]
    (event,) = tenant.events()
    assert MAIL not in orjson.dumps(event).decode()


@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_blocked_request_is_refused_in_the_surfaces_shape_without_the_value(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, road: Road
) -> None:
    tenant = looking(make_tenant, provider, rule("block", "CREDIT_CARD"))
    api = api_of(tenant)
    untouched = Untouched(provider, api, tenant)
    body = road.body(messages=said(f"pay with {CARD}"))
    answer = api.send("POST", road.path, orjson.dumps(body), road.headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "content_blocked"
    assert "CREDIT_CARD in a user's message" in error["message"]
    assert error["orbit"]["found"] == [{"type": "CREDIT_CARD", "place": "user", "count": 1}]
    assert "4111" not in answer.text
    untouched.check()


def test_blocked_requests_are_counted_by_the_minute(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("block", "CREDIT_CARD"))
    for model in (GPT, GPT, "made-up-name"):
        assert api_of(tenant).chat(model=model, messages=said(CARD)).status_code == 400
    later_us = time.time_ns() // 1000 + 120_000_000
    shard = tenant.shard
    client_of_store().eval(COLLECT.source, 2, keys.refused(shard), keys.stream(shard), str(later_us))
    refusals = tenant.events("refusal")
    told = sorted((one.get("model", ""), one["count"], one["code"], one.get("limit")) for one in refusals)
    assert sum(one[1] for one in told) == 3
    assert {one[0] for one in told} == {"", GPT}
    assert {one[2:] for one in told} == {("content_blocked", None)}
    for event in refusals:
        assert faults(event) == []


def test_rule_that_is_taken_back_refuses_nobody_any_more(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("block", "CREDIT_CARD"))
    api = api_of(tenant)
    assert api.chat(model=GPT, messages=said(CARD)).status_code == 400
    document = policy_document({"limits": LIMITS})
    services.save_policy(organization_id=tenant.id, name="default", document=document, actor="test")
    assert api.chat(model=GPT, messages=said(CARD)).status_code == 200
    document = policy_document({"limits": LIMITS, "dlp": {"rules": [rule("block", "CREDIT_CARD")]}})
    services.save_policy(organization_id=tenant.id, name="default", document=document, actor="test")
    assert api.chat(model=GPT, messages=said(CARD)).status_code == 400


def test_digest_is_the_same_for_a_value_in_all_calls(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    api = api_of(looking(make_tenant, provider, rule("hash", direction="request")))
    one, two = (
        shown(api.chat(model=GPT, messages=said(f"{start} {MAIL} {ECHO}"))) for start in ("I am", "We are")
    )
    assert one.removeprefix("I am") == two.removeprefix("We are")
    assert one.startswith("I am [EMAIL_ADDRESS#")


def test_end_user_stays_one_and_is_not_named(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask"))
    for start in ("one", "two"):
        assert api_of(tenant).chat(model=GPT, user=MAIL, messages=said(start)).status_code == 200
    users = {event["end_user"] for event in tenant.events()}
    assert len(users) == 1
    assert users.pop().startswith("[EMAIL_ADDRESS#")


def test_arguments_results_and_descriptions_are_inspected(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask", direction="request"))
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": orjson.dumps({"to": MAIL}).decode()},
    }
    messages = [
        {"role": "system", "content": f"Write to {MAIL}."},
        *said("go"),
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": orjson.dumps({"phone": PHONE}).decode()},
        *said("go on"),
    ]
    assert api_of(tenant).chat(model=GPT, messages=messages).status_code == 200
    assert {one[:3] for one in found(tenant)} == {
        ("EMAIL_ADDRESS", "request", "system"),
        ("EMAIL_ADDRESS", "request", "tool_call"),
        ("PHONE_NUMBER", "request", "tool_result"),
    }


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("embeddings", {"model": "text-embedding-3-small", "input": [f"I am {MAIL}"]}, "input"),
        ("completions", {"model": "gpt-4o-mini", "prompt": f"I am {MAIL}"}, "input"),
        ("responses", {"model": "gpt-4o-mini", "input": f"I am {MAIL}", "instructions": "Be brief."}, "user"),
    ],
)
def test_other_endpoints_are_inspected_too(
    make_tenant: MakeTenant, api_of: ApiOf, path: str, body: dict[str, Any], place: str
) -> None:
    tenant = make_tenant(dlp={"rules": [rule("block", "EMAIL_ADDRESS")]})
    answer = api_of(tenant).send("POST", path, orjson.dumps(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_blocked")
    assert answer.json()["error"]["orbit"]["found"][0]["place"] == place


def test_counting_tokens_sends_no_more_than_a_call_would(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    api = api_of(looking(make_tenant, provider, rule("block", "CREDIT_CARD")))
    body = orjson.dumps({"model": CLAUDE, "messages": said(CARD)})
    answer = api.send("POST", "messages/count_tokens", body, ANTHROPIC)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_blocked")


def test_what_is_over_the_cap_is_refused(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask"), max_bytes=1000)
    answer = api_of(tenant).chat(model=GPT, messages=said("word " * 400))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert tenant.events() == []


def test_what_is_over_the_cap_passes_and_is_marked_where_the_policy_says_so(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask"), max_bytes=1000, when_uninspected="pass")
    messages = [*said(f"I am {MAIL}"), *said("word " * 400), *said(ECHO)]
    assert api_of(tenant).chat(model=GPT, messages=messages).status_code == 200
    (event,) = tenant.events()
    assert event["dlp"]["uninspected"] == [{"direction": "request", "reason": "cap"}]
    assert [one["type"] for one in event["dlp"]["findings"]] == ["EMAIL_ADDRESS"]


def test_rules_in_shadow_change_nothing_and_are_told_of(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("block", direction="request", shadow=True))
    assert MAIL in shown(api_of(tenant).chat(model=GPT, messages=said(f"I am {MAIL} {ECHO}")))
    (event,) = tenant.events()
    (row,) = event["dlp"]["findings"]
    assert (row["type"], row["action"], row["shadow"]) == ("EMAIL_ADDRESS", "block", True)


def test_an_organizations_own_words_are_found_and_its_allow_list_is_spared(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    own = {
        "dictionaries": [{"name": "PROJECT", "terms": ["Blue Whale"]}],
        "patterns": [{"name": "EMPLOYEE", "pattern": r"EMP-\d{6}"}],
        "allow": [{"value": "help@example.org"}],
    }
    api = api_of(looking(make_tenant, provider, rule("mask", direction="request"), **own))
    text = f"EMP-123456 of blue  whale, help@example.org {ECHO}"
    assert shown(api.chat(model=GPT, messages=said(text))).startswith(
        "[EMPLOYEE] of [PROJECT], help@example.org"
    )


def test_stored_contents_have_the_masked_form(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf
) -> None:
    tenant = looking(make_tenant, provider, rule("mask"), audit={"content": "full"})
    assert api_of(tenant).chat(model=GPT, messages=said(f"I am {MAIL} {ECHO}")).status_code == 200
    (event,) = tenant.events()
    await_stored(tenant, 2)
    parts = read(tenant, event["event_id"])
    for part in parts.values():
        assert MAIL.encode() not in part.content
        assert b"[EMAIL_ADDRESS]" in part.content


@pytest.mark.parametrize("extra", [{}, {"dlp": {"rules": [], "max_bytes": 5000}}])
def test_call_of_a_policy_without_rules_is_not_inspected(
    make_tenant: MakeTenant, provider: ProviderHandle, api_of: ApiOf, extra: dict[str, Any]
) -> None:
    tenant = travelling(make_tenant, provider, **extra)
    assert MAIL in shown(api_of(tenant).chat(model=GPT, messages=said(f"I am {MAIL} {ECHO}")))
    (event,) = tenant.events()
    assert "dlp" not in event
