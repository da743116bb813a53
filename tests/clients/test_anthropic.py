"""The official Anthropic client, where it has more than other libraries: its own counts, lists, thinking, cache and ids."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import MessageParam

from orbit.demo.provider.process import ProviderHandle
from tests.clients.books import agreed, calls, figures, served
from tests.clients.libraries import MODELS
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway

KINDS = ("anthropic", "openai")
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def both(make_tenant: MakeTenant, provider: ProviderHandle) -> Tenant:
    """A tenant with an account and a model of each vendor."""
    accounts = [
        {"name": kind, "kind": kind, "base_url": provider.base_url, "credential": {"value": "sk-demo-both"}}
        for kind in KINDS
    ]
    models = [
        {"alias": MODELS[kind], "targets": [{"account": kind, "model": MODELS[kind]}]} for kind in KINDS
    ]
    return make_tenant(entry={"provider_accounts": accounts, "models": models})


@pytest.fixture
def claude(gateway: Gateway, both: Tenant) -> Iterator[Anthropic]:
    address = gateway.base_url.removesuffix("/v1")
    with Anthropic(base_url=address, api_key=both.key, max_retries=0, timeout=10) as client:
        yield client


def said(*directives: str, text: str = "Hello there, how are you?") -> list[MessageParam]:
    asked = f" [[orbit-demo: {' '.join(directives)}]]" if directives else ""
    return [{"role": "user", "content": text + asked}]


@pytest.mark.cell(
    surface="Anthropic Messages", provider=("anthropic", "openai"), feature="plain", client="Anthropic Python"
)
@each_kind
def test_asynchronous_client_gets_the_same_answer(
    gateway: Gateway, claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str
) -> None:
    async def ask() -> Any:
        address = gateway.base_url.removesuffix("/v1")
        asked: Any = {"model": MODELS[kind], "max_tokens": 50, "messages": said("tokens=9")}
        async with (
            AsyncAnthropic(base_url=address, api_key=both.key, max_retries=0, timeout=10) as client,
            client.messages.stream(**asked) as stream,
        ):
            return await stream.get_final_message()

    streamed = asyncio.run(ask())
    plain: Any = claude.messages.create(model=MODELS[kind], max_tokens=50, messages=said("tokens=9"))
    assert [block.text for block in streamed.content] == [block.text for block in plain.content]
    assert streamed.usage.output_tokens == plain.usage.output_tokens == 9
    agreed(both, provider, 2)


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider=("anthropic", "openai"),
    feature="key as a bearer",
    client="Anthropic Python",
)
@each_kind
def test_key_may_come_as_an_auth_token(gateway: Gateway, both: Tenant, kind: str) -> None:
    """As coding agents send it."""
    address = gateway.base_url.removesuffix("/v1")
    with Anthropic(base_url=address, auth_token=both.key, api_key=None, max_retries=0) as client:
        assert client.messages.create(model=MODELS[kind], max_tokens=9, messages=said("tokens=2")).content
    assert len(calls(both)) == 1


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider=("anthropic", "openai"),
    feature="request ids",
    client="Anthropic Python",
)
@each_kind
def test_request_id_of_the_sdk_is_the_events(claude: Anthropic, both: Tenant, kind: str) -> None:
    answer = claude.messages.create(model=MODELS[kind], max_tokens=9, messages=said("tokens=2"))
    with pytest.raises(anthropic.NotFoundError) as refused:
        claude.messages.create(model="no-such", max_tokens=9, messages=said())
    assert [event["request_id"] for event in calls(both)] == [answer._request_id]
    assert refused.value.request_id == refused.value.response.headers["x-orbit-request-id"]


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider=("anthropic", "openai"),
    feature="events of a stream",
    client="Anthropic Python",
)
@each_kind
def test_events_of_a_stream_are_those_that_the_sdk_knows(
    claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str
) -> None:
    events = list(
        claude.messages.create(model=MODELS[kind], max_tokens=50, messages=said("tokens=4"), stream=True)
    )
    kinds = [str(event.type) for event in events if str(event.type) != "ping"]
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 4,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    agreed(both, provider)


@pytest.mark.cell(
    surface="Anthropic Messages", provider="anthropic", feature="stop sequences", client="Anthropic Python"
)
@pytest.mark.parametrize("kind", ["anthropic"])
def test_stop_sequence_is_told(claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str) -> None:
    answer = claude.messages.create(
        model=MODELS[kind],
        max_tokens=99,
        messages=said("echo", text="One, two, three"),
        stop_sequences=[", three"],
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", ", three")
    agreed(both, provider)


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider=("anthropic", "openai"),
    feature="token limit",
    client="Anthropic Python",
)
@each_kind
def test_token_limit_of_the_request_is_met(
    claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str
) -> None:
    answer = claude.messages.create(model=MODELS[kind], max_tokens=7, messages=said())
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 7)
    agreed(both, provider)


@pytest.mark.cell(
    surface="Anthropic Messages", provider="anthropic", feature="count_tokens", client="Anthropic Python"
)
@pytest.mark.parametrize("kind", ["anthropic"])
def test_tokens_are_counted_as_the_provider_counts_them_and_cost_nothing(
    claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str
) -> None:
    counted = claude.messages.count_tokens(model=MODELS[kind], messages=said("tokens=2"), system="Be brief.")
    assert both.events() == []
    claude.messages.create(model=MODELS[kind], max_tokens=9, messages=said("tokens=2"), system="Be brief.")
    [event] = agreed(both, provider)
    assert counted.input_tokens == event["input_tokens"]


@pytest.mark.cell(
    surface="Anthropic Messages", provider="openai", feature="count_tokens", client="Anthropic Python"
)
@pytest.mark.parametrize("kind", ["openai"])
def test_tokens_of_a_model_of_another_vendor_are_estimated(
    claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str
) -> None:
    """OpenAI's chat endpoint counts nothing beforehand; the demo provider's tokenizer is a stranger to ours."""
    counted = claude.messages.count_tokens(model=MODELS[kind], messages=said("tokens=2"))
    claude.messages.create(model=MODELS[kind], max_tokens=9, messages=said("tokens=2"))
    [event] = agreed(both, provider)
    assert counted.input_tokens == pytest.approx(event["input_tokens"], rel=0.1)


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider=("anthropic", "openai"),
    feature="list of models",
    client="Anthropic Python",
)
@each_kind
def test_models_of_the_key_are_listed_in_anthropics_shape(claude: Anthropic, kind: str) -> None:
    listed = {one.id: one for one in claude.models.list()}
    assert set(listed) == {MODELS[one] for one in KINDS}
    assert listed[MODELS[kind]].type == "model"
    assert claude.models.retrieve(MODELS[kind]).id == MODELS[kind]
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("no-such")


@pytest.mark.cell(
    surface="Anthropic Messages", provider="anthropic", feature="thinking", client="Anthropic Python"
)
@pytest.mark.parametrize("kind", ["anthropic"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_thinking_comes_signed_is_taken_back_and_is_charged(
    claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str, stream: bool
) -> None:
    fields: Any = {
        "model": MODELS[kind],
        "max_tokens": 2000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }

    def ask(messages: list[Any]) -> Any:
        if not stream:
            return claude.messages.create(messages=messages, **fields)
        with claude.messages.stream(messages=messages, **fields) as events:
            return events.get_final_message()

    first = ask(said("tokens=5"))
    assert [block.type for block in first.content] == ["thinking", "text"]
    assert first.content[0].signature
    ask([*said("tokens=5"), {"role": "assistant", "content": first.content}, *said("tokens=3")])
    one, _ = agreed(both, provider, 2)
    assert one["reasoning_tokens"] > 0


@pytest.mark.cell(
    surface="Anthropic Messages", provider="anthropic", feature="prompt caching", client="Anthropic Python"
)
@pytest.mark.parametrize("kind", ["anthropic"])
def test_prompt_cache_is_written_and_read_at_its_own_prices(
    claude: Anthropic, both: Tenant, provider: ProviderHandle, kind: str
) -> None:
    system: Any = [
        {
            "type": "text",
            "text": f"{both.slug} " + "A long and patient instruction. " * 1500,
            "cache_control": {"type": "ephemeral"},
        }
    ]
    usages = [
        claude.messages.create(
            model=MODELS[kind], max_tokens=9, system=system, messages=said("tokens=2")
        ).usage
        for _ in range(2)
    ]
    written, read = calls(both, 2)
    assert usages[0].cache_creation_input_tokens == written["cache_write_tokens"] > 1024
    assert usages[1].cache_read_input_tokens == read["cached_input_tokens"] > 1024
    assert read["cost_nano"] < written["cost_nano"] / 5
    for event in (written, read):
        assert event["cost_nano"] == served(provider, event)["cost_nano"]


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider="anthropic",
    feature="errors of the provider",
    client="Anthropic Python",
)
@pytest.mark.parametrize("kind", ["anthropic"])
def test_overloaded_provider_is_an_error_of_the_gateways(claude: Anthropic, both: Tenant, kind: str) -> None:
    with pytest.raises(anthropic.InternalServerError) as raised:
        claude.messages.create(model=MODELS[kind], max_tokens=9, messages=said("status=529"))
    assert raised.value.status_code in (502, 529)
    [event] = calls(both)
    assert (event["status"], event["cost_nano"]) == ("provider_failed", 0)


@pytest.mark.cell(
    surface="Anthropic Messages",
    provider=("anthropic", "openai"),
    feature="broken streams",
    client="Anthropic Python",
)
@each_kind
def test_error_in_a_stream_names_its_request(claude: Anthropic, both: Tenant, kind: str) -> None:
    with (
        pytest.raises(anthropic.APIStatusError) as raised,
        claude.messages.stream(
            model=MODELS[kind], max_tokens=60, messages=said("tokens=50", "cut_after_chunks=5", "pace_ms=5")
        ) as stream,
    ):
        list(stream)
    body: Any = raised.value.body
    [event] = calls(both)
    assert body["request_id"] == event["request_id"]
    assert body["error"]["code"] == event["code"] == "upstream_error"
    assert figures(event)["output"] > 0
