"""Reservations from a key's own outputs: what is held, what is sent, and what the application gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion

from orbit.demo.provider.process import ProviderHandle
from proxy.formats.chat_assembly import ChatAssembly
from proxy.providers.openai import OpenAI
from tests.clients.books import agreed, calls
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, hello
from tests.proxy.test_internal_errors import ask, running

USUAL = 10  # output tokens of the calls that are learned from
CAP = 500
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}


def taught(api: Api, calls: int = 20) -> Api:
    """A key that has made so many calls of USUAL tokens."""
    for _ in range(calls):
        assert api.chat(messages=hello(f"tokens={USUAL}"), max_tokens=CAP).status_code == 200
    return api


@pytest.fixture
def learned(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(output_reserve="learned")


@pytest.fixture
def api(api_of: ApiOf, learned: Tenant) -> Api:
    return taught(api_of(learned))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_usual_output_is_held_and_the_true_cap_is_sent(
    api: Api, learned: Tenant, provider: ProviderHandle, stream: bool
) -> None:
    short = USUAL * 3 // 4  # leaves the room at which more is asked for ahead of its use
    assert api.chat(messages=hello(f"tokens={short}"), max_tokens=CAP, stream=stream).status_code == 200
    sent = provider.requests()[-1]
    assert sent["max_tokens"] == CAP
    assert sent["stream"]
    *taught, last = calls(learned, 21)
    assert [event["reserved"]["output_tokens"] for event in taught] == [CAP] * 20
    assert last["reserved"]["output_tokens"] == USUAL
    assert (last["output_tokens"], last["stream"]) == (short, stream)


def test_too_few_calls_teach_nothing(api_of: ApiOf, learned: Tenant, provider: ProviderHandle) -> None:
    taught(api_of(learned), 19).chat(messages=hello(f"tokens={USUAL}"), max_tokens=CAP)
    assert [event["reserved"]["output_tokens"] for event in agreed(learned, provider, 20)] == [CAP] * 20


def test_other_models_of_the_key_have_outputs_of_their_own(api: Api, learned: Tenant) -> None:
    api.chat(model="gpt-4o", messages=hello(f"tokens={USUAL}"), max_tokens=CAP)
    assert calls(learned, 21)[-1]["reserved"]["output_tokens"] == CAP


def test_request_with_a_smaller_maximum_holds_that(
    api: Api, learned: Tenant, provider: ProviderHandle
) -> None:
    api.chat(messages=hello("tokens=50"), max_tokens=4)
    assert calls(learned, 21)[-1]["reserved"]["output_tokens"] == 4
    assert not provider.requests()[-1]["stream"]


SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("text", {"messages": hello("tokens=30")}),
    ("choices", {"messages": hello("tokens=12"), "n": 3}),
    ("cut at the maximum", {"messages": hello("tokens=600")}),
    ("tools", {"messages": hello("tool_calls=2"), "tools": [TOOL]}),
    ("a tier", {"messages": hello("tokens=3"), "service_tier": "flex"}),
    ("reasoning", {"messages": hello("tokens=3", "reasoning=4")}),
    ("no usage", {"messages": hello("tokens=3", "usage=missing")}),
    ("usage on every chunk", {"messages": hello("tokens=9", "usage=running")}),
    (
        "other letters",
        {"messages": [{"role": "user", "content": "Grüße 🎈 [[orbit-demo: echo split=bytes]]"}]},
    ),
]


@pytest.mark.parametrize("shape", [fields for _, fields in SHAPES], ids=[name for name, _ in SHAPES])
def test_plain_answer_out_of_a_stream_reads_like_the_providers_own(
    api: Api, api_of: ApiOf, make_tenant: MakeTenant, provider: ProviderHandle, shape: dict[str, Any]
) -> None:
    own = api_of(make_tenant()).chat(max_tokens=CAP, **shape)
    assert not provider.requests()[-1]["stream"]
    made = api.chat(max_tokens=CAP, **shape)
    assert provider.requests()[-1]["stream"]
    ChatCompletion.model_validate(made.json(), strict=True)
    assert _timeless(made.json()) == _timeless(own.json())
    assert made.headers["content-type"] == own.headers["content-type"]
    for name in ("x-orbit-usage-source", "x-orbit-cost-nano"):
        assert made.headers[name] == own.headers[name]


def _timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what two answers differ in: the time, and which of the input the provider had in its cache."""
    answer.pop("id")
    answer.pop("created")
    answer.get("usage", {}).pop("prompt_tokens_details", None)
    return answer


def test_plain_answer_that_breaks_off_is_a_bad_gateway_and_is_charged_for_what_came(
    api: Api, learned: Tenant
) -> None:
    answer = api.chat(messages=hello("tokens=9", "cut_after_chunks=5"), max_tokens=CAP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    last = calls(learned, 21)[-1]
    assert (last["status"], last["usage_source"]) == ("provider_failed", "estimated")
    assert 4 <= last["output_tokens"] <= 6


@pytest.mark.parametrize("status", [400, 500])
def test_providers_refusal_of_such_a_call_costs_nothing(api: Api, learned: Tenant, status: int) -> None:
    answer = api.chat(messages=hello(f"status={status}"), max_tokens=CAP)
    assert answer.status_code == (400 if status == 400 else 502)
    assert calls(learned, 21)[-1]["cost_nano"] == 0


def test_new_worker_learns_from_the_ledger(api: Api, learned: Tenant) -> None:
    calls(learned, 20)

    async def first() -> int:
        async with running() as app:
            status, _, _ = await ask(app, learned.key, max_tokens=CAP, messages=hello(f"tokens={USUAL}"))
            return status

    assert asyncio.run(first()) == 200
    assert calls(learned, 21)[-1]["reserved"]["output_tokens"] == USUAL


@pytest.mark.parametrize(
    ("model", "body", "shown"),
    [
        ("gpt-4o-mini", {}, True),
        ("o3-mini", {}, False),
        ("openai/gpt-5.2", {}, False),
        ("ft:o4-mini:acme", {}, False),
        ("gpt-4o", {"reasoning_effort": "high"}, False),
        ("gpt-4o", {"reasoning_effort": "none"}, True),
        ("gpt-4o", {"prediction": {"type": "content", "content": "a"}}, False),
        ("gpt-4o-audio-preview", {"modalities": ["text", "audio"]}, False),
        ("gpt-4o", {"modalities": ["text"]}, True),
    ],
)
def test_what_is_charged_out_of_sight_holds_the_full_bound(
    model: str, body: dict[str, Any], shown: bool
) -> None:
    assert OpenAI().shows_output(model, body) == shown


Assembled = Callable[..., dict[str, Any]]


def assembled(*deltas: dict[str, Any], **chunk: Any) -> dict[str, Any]:
    """The message that comes out of these deltas."""
    assembly = ChatAssembly()
    for delta in deltas:
        assembly.add(
            {"id": "x", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta}], **chunk}
        )
    answer = assembly.answer(None)
    ChatCompletion.model_validate(answer)
    made: dict[str, Any] = orjson.loads(orjson.dumps(answer))["choices"][0]
    return made


def test_fields_that_nobody_knows_are_continued_like_those_that_we_know() -> None:
    made = assembled(
        {"role": "assistant", "content": "", "thoughts": {"text": "a", "depth": 1}},
        {"reasoning_content": "be", "thoughts": {"text": "b", "depth": 2}, "sources": [{"url": "1"}]},
        {"reasoning_content": "cause", "content": "So.", "sources": [{"url": "2"}], "score": 0.5},
    )["message"]
    assert made["thoughts"] == {"text": "ab", "depth": 2}
    assert made["reasoning_content"] == "because"
    assert made["sources"] == [{"url": "1"}, {"url": "2"}]
    assert (made["content"], made["score"], made["role"]) == ("So.", 0.5, "assistant")


def test_tool_calls_are_told_apart_by_index_else_by_id() -> None:
    def part(arguments: str, **more: Any) -> dict[str, Any]:
        return {
            "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": arguments}, **more}]
        }

    by_index = assembled(
        part("{", index=0, id="a"), part("[", index=1, id="b"), part("}", index=0), part("]", index=1)
    )
    by_id = assembled(part("{}", id="a"), part("[", id="b"), part("]"))
    for made in (by_index, by_id):
        found = made["message"]["tool_calls"]
        assert [(one["id"], one["function"]["arguments"]) for one in found] == [("a", "{}"), ("b", "[]")]
        assert {one["function"]["name"] for one in found} == {"f"}
        assert all("index" not in one for one in found)


def test_log_probabilities_are_gathered_and_padding_is_not() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    assembly = ChatAssembly()
    for _ in range(2):
        choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [token], "refusal": None}}
        assembly.add({"id": "x", "created": 1, "model": "m", "choices": [choice], "obfuscation": "zz"})
    answer = assembly.answer({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
    checked = ChatCompletion.model_validate(answer, strict=True)
    assert checked.choices[0].logprobs is not None
    assert len(checked.choices[0].logprobs.content or ()) == 2
    assert checked.choices[0].finish_reason == "length"  # nobody said why it ended
    assert "obfuscation" not in answer
