"""Anthropic's surface: before an account of Anthropic's, and before one that speaks chat completions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from proxy.formats.chat_options import SIGNATURE
from proxy.health import Trouble
from proxy.providers import PROVIDERS
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import LIMITS, Api, ApiOf

CLAUDE, GPT = "claude-haiku-4-5", "gpt-4o-mini"
HEADERS = {"anthropic-version": "2023-06-01"}


@pytest.fixture
def both(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    """A tenant with an account of each kind."""
    accounts = [
        {"name": kind, "kind": kind, "base_url": provider.base_url, "credential": {"value": "sk-demo-both"}}
        for kind in ("openai", "anthropic")
    ]
    routes = [
        {"alias": CLAUDE, "targets": [{"account": "anthropic", "model": CLAUDE}]},
        {"alias": GPT, "targets": [{"account": "openai", "model": GPT}]},
    ]
    return make_tenant(entry={"provider_accounts": accounts, "models": routes}, limits=LIMITS)


@pytest.fixture
def api(api_of: ApiOf, both: Tenant) -> Api:
    return api_of(both)


def ask(api: Api, *directives: str, headers: Mapping[str, str] = HEADERS, **fields: Any) -> httpx2.Response:
    text = f"Hello [[orbit-demo: {' '.join(directives)}]]"
    body = {
        "model": CLAUDE,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }
    return api.send("POST", "messages", orjson.dumps(body), headers)


def events_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


@pytest.mark.cell(surface="Anthropic Messages", provider=("anthropic", "openai"), feature="plain")
@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_plain_message_is_charged_as_the_provider_says(api: Api, both: Tenant, model: str) -> None:
    answer = ask(api, "tokens=20", model=model)
    assert answer.status_code == 200, answer.text
    message = answer.json()
    assert (message["type"], message["role"], message["stop_reason"]) == ("message", "assistant", "end_turn")
    assert answer.headers["request-id"] == answer.headers["x-orbit-request-id"]
    (event,) = both.events()
    assert (event["surface"], event["endpoint"], event["status"]) == ("anthropic", "messages", "settled")
    assert (event["usage_source"], event["output_tokens"]) == ("provider", 20)
    assert event["input_tokens"] == message["usage"]["input_tokens"]
    assert event["cost_nano"] == int(answer.headers["x-orbit-cost-nano"]) > 0


@pytest.mark.cell(surface="Anthropic Messages", provider=("anthropic", "openai"), feature="streaming")
@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_streamed_message_is_charged_as_the_provider_says(api: Api, both: Tenant, model: str) -> None:
    answer = ask(api, "tokens=20", model=model, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    kinds = [one["type"] for one in events_of(answer)]
    assert (kinds[0], kinds[-2], kinds[-1]) == ("message_start", "message_delta", "message_stop")
    assert events_of(answer)[-2]["usage"]["output_tokens"] == 20
    (event,) = both.events()
    assert (event["status"], event["usage_source"], event["output_tokens"]) == ("settled", "provider", 20)


@pytest.mark.cell(surface="Anthropic Messages", provider="anthropic", feature="prompt caching")
def test_cache_is_charged_at_its_own_prices(api: Api, both: Tenant, provider: ProviderHandle) -> None:
    long = [{"type": "text", "text": "All work and no play. " * 400, "cache_control": {"type": "ephemeral"}}]
    for _ in range(2):
        assert ask(api, "tokens=5", system=long).status_code == 200
    first, second = both.events()
    assert first["cache_write_tokens"] > 1000
    assert second["cached_input_tokens"] == first["cache_write_tokens"]
    assert first["cost_nano"] > 5 * second["cost_nano"]


def test_streams_of_the_same_format_pass_unchanged(api: Api, provider: ProviderHandle) -> None:
    through = ask(api, "tokens=10", "ping_every=2", "comments", "crlf", stream=True)
    assert b"\r\n" in through.content
    assert b"event: ping" in through.content


def test_max_tokens_is_demanded_and_reserved(api: Api, both: Tenant) -> None:
    body = {"model": CLAUDE, "messages": [{"role": "user", "content": "Hi"}]}
    answer = api.send("POST", "messages", orjson.dumps(body), HEADERS)
    error = answer.json()
    assert (answer.status_code, error["type"], error["error"]["type"]) == (
        400,
        "error",
        "invalid_request_error",
    )
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_request", "max_tokens")
    assert error["request_id"] == answer.headers["request-id"]
    assert ask(api, max_tokens=77).status_code == 200
    assert both.events()[0]["reserved"]["output_tokens"] == 77


@pytest.mark.cell(
    surface="Anthropic Messages", provider=("anthropic", "openai"), feature="errors of the provider"
)
@pytest.mark.parametrize("model", [CLAUDE, GPT])
@pytest.mark.parametrize(("status", "code"), [(401, 502), (503, 502), (429, 429)])
def test_providers_errors_come_in_anthropics_shape(api: Api, model: str, status: int, code: int) -> None:
    answer = ask(api, f"status={status}", model=model)
    error = answer.json()
    assert (answer.status_code, error["type"]) == (code, "error")
    assert set(error) >= {"type", "error"}
    assert isinstance(error["error"]["message"], str)


@pytest.mark.cell(surface="Anthropic Messages", provider=("anthropic", "openai"), feature="broken streams")
@pytest.mark.parametrize("model", [CLAUDE, GPT])
def test_stream_that_breaks_off_ends_with_an_error_event(api: Api, both: Tenant, model: str) -> None:
    answer = ask(api, "tokens=30", "fin_after_chunks=5", model=model, stream=True)
    last = events_of(answer)[-1]
    assert last["type"] == "error"
    assert last["error"]["code"] == "upstream_error"
    (event,) = both.events()
    assert event["status"] == "provider_failed"
    assert event["usage_source"] in ("partial", "estimated")
    assert event["output_tokens"] >= 4


@pytest.mark.cell(surface="Anthropic Messages", provider=("anthropic", "openai"), feature="count_tokens")
@pytest.mark.parametrize(("model", "source"), [(CLAUDE, "provider"), (GPT, "estimated")])
def test_tokens_are_counted_for_nothing(api: Api, both: Tenant, model: str, source: str) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello, how are you today?"}]}
    answer = api.send("POST", "messages/count_tokens", orjson.dumps(body), HEADERS)
    assert answer.status_code == 200, answer.text
    assert 5 <= answer.json()["input_tokens"] <= 40
    assert answer.headers["x-orbit-usage-source"] == source
    assert both.events() == []


def test_models_are_listed_as_anthropic_does(api: Api) -> None:
    answer = api.send("GET", "models", headers=HEADERS)
    listed = answer.json()
    assert [one["id"] for one in listed["data"]] == [CLAUDE, GPT]
    assert {one["type"] for one in listed["data"]} == {"model"}
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == (CLAUDE, GPT, False)
    page = api.send("GET", "models?limit=1", headers=HEADERS).json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([CLAUDE], True)
    rest = api.send("GET", f"models?after_id={CLAUDE}", headers=HEADERS).json()
    assert [one["id"] for one in rest["data"]] == [GPT]
    assert api.send("GET", f"models/{GPT}", headers=HEADERS).json()["display_name"] == GPT


def test_unknown_key_is_told_in_anthropics_words(api: Api) -> None:
    answer = api.send("POST", "messages", b"{}", {**HEADERS, "authorization": "Bearer orb_nobody"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


def test_what_has_no_counterpart_is_refused_by_name_and_costs_nothing(api: Api, both: Tenant) -> None:
    answer = ask(api, model=GPT, top_k=5)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_request", "top_k")
    assert both.events() == []


def test_policy_may_let_it_be_dropped_and_a_header_lists_it(
    make_tenant: MakeTenant, api_of: ApiOf, both: Tenant
) -> None:
    tenant = make_tenant(
        entry={name: both.document[name] for name in ("provider_accounts", "models")},
        untranslatable={"drop": ["top_k"]},
    )
    answer = ask(api_of(tenant), model=GPT, top_k=5)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-orbit-dropped"] == "top_k"


@pytest.mark.cell(surface="OpenAI chat", provider="anthropic", feature=("plain", "streaming"))
@pytest.mark.parametrize("stream", [False, True])
def test_chat_completions_are_served_by_claude(api: Api, both: Tenant, stream: bool) -> None:
    answer = api.chat(
        model=CLAUDE,
        max_tokens=50,
        stream=stream,
        messages=[{"role": "user", "content": "Hi [[orbit-demo: tokens=9]]"}],
    )
    assert answer.status_code == 200, answer.text
    if stream:
        assert answer.content.endswith(b"data: [DONE]\n\n")
        assert events_of(answer)[-1]["choices"][0]["finish_reason"] == "stop"
    else:
        assert answer.json()["object"] == "chat.completion"
        assert answer.json()["usage"]["completion_tokens"] == 9
    (event,) = both.events()
    assert (event["surface"], event["output_tokens"], event["usage_source"]) == ("openai", 9, "provider")


def test_another_models_thinking_does_not_travel_to_claude(api: Api, provider: ProviderHandle) -> None:
    """A conversation may change models: our own mark is no signature of Anthropic's."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE}
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Hi."}]},
        {"role": "user", "content": "And now? [[orbit-demo: tokens=5]]"},
    ]
    answer = ask(api, messages=turns)
    assert answer.status_code == 200, answer.text
    sent = provider.requests()[-1]["fields"]
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "Hi."}]
    assert answer.headers["x-orbit-dropped"] == "thinking"


def test_message_that_was_all_another_models_thinking_is_gone(api: Api, provider: ProviderHandle) -> None:
    """Such as that of a client that stopped the model before it said anything."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE}
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [thought]},
        {"role": "user", "content": "And now? [[orbit-demo: tokens=5]]"},
    ]
    answer = ask(api, messages=turns)
    assert answer.status_code == 200, answer.text
    assert [one["role"] for one in provider.requests()[-1]["fields"]["messages"]] == ["user", "user"]
    body = orjson.dumps({"model": CLAUDE, "messages": turns})
    answer = api.send("POST", "messages/count_tokens", body, HEADERS)
    assert SIGNATURE not in str(provider.requests()[-1]["fields"])
    assert (answer.status_code, answer.headers["x-orbit-usage-source"]) == (200, "provider")


def test_models_that_do_not_reason_are_not_asked_to(api: Api, provider: ProviderHandle) -> None:
    answer = ask(api, model=GPT, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000)
    assert answer.status_code == 200, answer.text
    assert "reasoning_effort" not in provider.requests()[-1]["fields"]


def test_budget_to_think_with_is_lowered_with_the_cap(
    make_tenant: MakeTenant, api_of: ApiOf, both: Tenant, provider: ProviderHandle
) -> None:
    tenant = make_tenant(
        entry={name: both.document[name] for name in ("provider_accounts", "models")},
        caps={"max_output_tokens": 2000},
    )
    thinking = {"type": "enabled", "budget_tokens": 31_999}
    answer = ask(api_of(tenant), max_tokens=32_000, thinking=thinking)
    assert answer.status_code == 200, answer.text
    sent = provider.requests()[-1]["fields"]
    assert (sent["max_tokens"], sent["thinking"]["budget_tokens"]) == (2000, 1999)


def test_budget_without_room_is_refused_by_name(make_tenant: MakeTenant, api_of: ApiOf, both: Tenant) -> None:
    tenant = make_tenant(
        entry={name: both.document[name] for name in ("provider_accounts", "models")},
        caps={"max_output_tokens": 1000},
    )
    answer = ask(api_of(tenant), max_tokens=32_000, thinking={"type": "enabled", "budget_tokens": 2000})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "thinking.budget_tokens")


@pytest.mark.parametrize("limit", ["%C2%B2", "9" * 5000, "0", "-1"])
def test_odd_page_sizes_are_refused(api: Api, limit: str) -> None:
    answer = api.send("GET", f"models?limit={limit}", headers=HEADERS)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


def test_pages_go_backwards_too(api: Api) -> None:
    page = api.send("GET", f"models?limit=1&before_id={GPT}", headers=HEADERS).json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([CLAUDE], False)


def test_names_of_dropped_fields_cannot_break_a_header(
    make_tenant: MakeTenant, api_of: ApiOf, both: Tenant
) -> None:
    tenant = make_tenant(
        entry={name: both.document[name] for name in ("provider_accounts", "models")}, untranslatable="drop"
    )
    odd: dict[str, Any] = {
        "x\r\nset-cookie: a=b": 1,
        "\u20ac": 2,
        **{f"odd_{number}": 1 for number in range(300)},
    }
    answer = ask(api_of(tenant), model=GPT, **odd)
    assert answer.status_code == 200, answer.text
    assert "set-cookie" not in answer.headers
    assert len(answer.headers["x-orbit-dropped"]) < 2100


def test_price_of_a_region_is_not_guessed(api: Api) -> None:
    answer = ask(api, inference_geo="us")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "inference_geo")


def test_files_of_others_are_not_asked_after_when_tokens_are_counted(
    api: Api, provider: ProviderHandle
) -> None:
    seen = provider.summary()["requests"]
    block = {"type": "document", "source": {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}}
    body = {"model": CLAUDE, "messages": [{"role": "user", "content": [block]}]}
    answer = api.send("POST", "messages/count_tokens", orjson.dumps(body), HEADERS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert provider.summary()["requests"] == seen


def test_clients_words_do_not_take_an_account_out_of_rotation() -> None:
    told = {"type": "invalid_request_error", "message": "Unexpected value: credit balance is too low"}
    assert PROVIDERS["anthropic"].trouble(400, told) is None
    spent = {"type": "invalid_request_error", "message": "Your credit balance is too low to access …"}
    assert PROVIDERS["anthropic"].trouble(400, spent) is Trouble.NO_MONEY
