"""The official Anthropic client, unchanged, against the demo provider."""

import base64
import struct
from typing import Any

import pytest
from anthropic import (
    Anthropic,
    APIStatusError,
    AsyncAnthropic,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    PaymentRequiredError,
)
from anthropic.types import MessageParam, ToolParam
from openai import OpenAI
from pydantic import BaseModel

from orbit.demo.provider.process import ProviderHandle

from .conftest import KEY

HELLO: list[MessageParam] = [{"role": "user", "content": "Hello there, how are you?"}]
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "Weather at a place",
    "input_schema": {
        "type": "object",
        "properties": {
            "location": {"type": "string"},
            "unit": {"type": "string", "enum": ["fahrenheit", "celsius"]},
            "days": {"type": "integer", "minimum": 1},
        },
        "required": ["location", "unit", "days"],
    },
}


def test_plain_answer_has_text_and_a_full_usage_block(claude: Anthropic, provider: ProviderHandle) -> None:
    answer = claude.messages.create(model="claude-sonnet-4-6", max_tokens=500, messages=HELLO)
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    assert answer.model == "claude-sonnet-4-6"
    assert answer.content[0].type == "text"
    assert len(answer.content[0].text) > 40
    assert answer._request_id
    record = provider.request(answer._request_id)
    assert (record["prompt_tokens"], record["completion_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )
    assert record["cost_nano"] == record["prompt_tokens"] * 3_000 + record["completion_tokens"] * 15_000


def test_stream_says_what_the_plain_answer_says(claude: Anthropic) -> None:
    plain = claude.messages.create(model="claude-haiku-4-5", max_tokens=500, messages=HELLO)
    with claude.messages.stream(model="claude-haiku-4-5", max_tokens=500, messages=HELLO) as stream:
        streamed = stream.get_final_message()
    assert streamed.to_dict() == plain.to_dict() | {"id": streamed.id}
    assert streamed.stop_reason == plain.stop_reason == "end_turn"


def test_raw_events_are_the_sdks_own(claude: Anthropic) -> None:
    events = list(claude.messages.create(model="demo-claude", max_tokens=3, messages=HELLO, stream=True))
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_token_limit_and_stop_sequence_have_their_reasons(claude: Anthropic) -> None:
    cut = claude.messages.create(model="demo-claude", max_tokens=7, messages=HELLO)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 7)
    asked: list[MessageParam] = [{"role": "user", "content": "One, two, three [[orbit-demo: echo]]"}]
    stopped = claude.messages.create(
        model="demo-claude", max_tokens=99, messages=asked, stop_sequences=["nine", ", three"]
    )
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", ", three")
    assert _text(stopped) == "One, two"
    nothing = claude.messages.create(model="demo-claude", max_tokens=0, messages=HELLO)
    assert (nothing.stop_reason, nothing.content, nothing.usage.output_tokens) == ("max_tokens", [], 0)


def test_system_prompt_counts_alike_as_text_and_as_blocks(claude: Anthropic) -> None:
    plain = claude.messages.create(model="demo-claude", max_tokens=99, messages=HELLO, system="Be brief.")
    blocks = claude.messages.create(
        model="demo-claude", max_tokens=99, messages=HELLO, system=[{"type": "text", "text": "Be brief."}]
    )
    assert _text(plain) == _text(blocks)
    assert plain.usage == blocks.usage
    bare = claude.messages.create(model="demo-claude", max_tokens=99, messages=HELLO)
    assert bare.usage.input_tokens < plain.usage.input_tokens


def test_tool_use_fits_its_schema_and_its_result_gives_text(claude: Anthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "What is the weather in Rome, in celsius?"}]
    called = claude.messages.create(model="demo-claude", max_tokens=99, messages=asked, tools=[WEATHER])
    assert called.stop_reason == "tool_use"
    use = called.content[0]
    assert use.type == "tool_use"
    assert use.input == {"location": "Rome", "unit": "celsius", "days": 1}
    told: list[MessageParam] = [
        *asked,
        {"role": "assistant", "content": called.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "21 degrees"}],
        },
    ]
    final = claude.messages.create(model="demo-claude", max_tokens=999, messages=told, tools=[WEATHER])
    assert final.stop_reason == "end_turn"
    assert "21 degrees" in _text(final)


def test_streamed_tool_uses_come_in_fragments_after_their_preamble(claude: Anthropic) -> None:
    asked: list[MessageParam] = [
        {"role": "user", "content": "Weather? [[orbit-demo: tool_calls=2 preamble=4]]"}
    ]
    with claude.messages.stream(
        model="demo-claude", max_tokens=99, messages=asked, tools=[WEATHER]
    ) as stream:
        fragments = [event.partial_json for event in stream if event.type == "input_json"]
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    assert all(set(block.input) == {"location", "unit", "days"} for block in message.content[1:])  # type: ignore[union-attr]
    assert fragments[0] == ""
    assert len(fragments) > 10
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize(
    ("choice", "uses"),
    [
        ({"type": "auto"}, 2),
        ({"type": "any"}, 2),
        ({"type": "auto", "disable_parallel_tool_use": True}, 1),
        ({"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}, 1),
        ({"type": "none"}, 0),
    ],
)
def test_tool_choice_says_how_many_uses(claude: Anthropic, choice: Any, uses: int) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "Hi [[orbit-demo: tool_calls=2]]"}]
    answer = claude.messages.create(
        model="demo-claude", max_tokens=99, messages=asked, tools=[WEATHER], tool_choice=choice
    )
    assert [block.type for block in answer.content].count("tool_use") == uses


def test_thinking_is_shown_signed_and_counted_and_comes_back(claude: Anthropic) -> None:
    def think(messages: list[MessageParam]) -> Any:
        with claude.messages.stream(
            model="claude-sonnet-4-6",
            max_tokens=2_000,
            messages=messages,
            thinking={"type": "adaptive"},
            output_config={"effort": "low"},
        ) as stream:
            return stream.get_final_message()

    first = think(HELLO)
    thought, text = first.content
    assert (thought.type, text.type) == ("thinking", "text")
    assert first.usage.output_tokens_details.thinking_tokens == 16 < first.usage.output_tokens
    again: list[MessageParam] = [{"role": "assistant", "content": first.content}, *HELLO]
    assert think([*HELLO, *again]).stop_reason == "end_turn"
    thought.signature = "bWFkZSB1cA=="
    with pytest.raises(BadRequestError, match="Invalid `signature` in `thinking` block"):
        think([*HELLO, *again])


def test_thinking_with_a_budget_stays_within_it(claude: Anthropic, provider: ProviderHandle) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "Hi [[orbit-demo: reasoning=30 tokens=5]]"}]
    answer = claude.messages.create(
        model="claude-haiku-4-5",
        max_tokens=2_000,
        messages=asked,
        thinking={"type": "enabled", "budget_tokens": 1_024},
    )
    assert answer.usage.output_tokens == 35
    record = provider.requests()[0]
    assert (record["completion_tokens"], record["reasoning_tokens"]) == (35, 30)
    assert record["cost_nano"] == record["prompt_tokens"] * 1_000 + 35 * 5_000


@pytest.mark.parametrize("stream", [True, False])
def test_omitted_thinking_is_charged_but_not_shown(claude: Anthropic, stream: bool) -> None:
    asked: Any = {"model": "claude-opus-4-7", "max_tokens": 500, "messages": HELLO}
    asked["thinking"] = {"type": "adaptive"}
    if stream:
        with claude.messages.stream(**asked) as events:
            answer: Any = events.get_final_message()
    else:
        answer = claude.messages.create(**asked)
    assert (answer.content[0].type, answer.content[0].thinking) == ("thinking", "")
    assert answer.content[0].signature
    assert answer.usage.output_tokens_details.thinking_tokens == 64


def test_redacted_thinking_is_accepted_back(claude: Anthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "Hi [[orbit-demo: redacted_thinking]]"}]
    answer = claude.messages.create(
        model="demo-claude", max_tokens=99, messages=asked, thinking={"type": "adaptive"}
    )
    assert answer.content[0].type == "redacted_thinking"
    back: list[MessageParam] = [*asked, {"role": "assistant", "content": answer.content}, *HELLO]
    assert claude.messages.create(model="demo-claude", max_tokens=9, messages=back)
    answer.content[0].data = "made up"
    with pytest.raises(BadRequestError, match="redacted_thinking"):
        claude.messages.create(model="demo-claude", max_tokens=9, messages=back)


class Trip(BaseModel):
    city: str
    nights: int


def test_structured_answer_parses(claude: Anthropic) -> None:
    answer = claude.messages.parse(
        model="claude-haiku-4-5", max_tokens=99, messages=HELLO, output_format=Trip
    )
    assert isinstance(answer.parsed_output, Trip)


def test_format_of_the_output_goes_by_its_older_name_only_with_the_beta(claude: Anthropic) -> None:
    layout = {"type": "json_schema", "schema": {**Trip.model_json_schema(), "additionalProperties": False}}
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": HELLO}
    beta = {"anthropic-beta": "structured-outputs-2025-11-13"}
    answer = claude.messages.create(**asked, extra_body={"output_format": layout}, extra_headers=beta)
    assert Trip.model_validate_json(_text(answer))
    with pytest.raises(BadRequestError, match="output_format"):
        claude.messages.create(**asked, extra_body={"output_format": layout})


def test_images_and_documents_are_counted(claude: Anthropic) -> None:
    def count(block: Any) -> int:
        content = [block, {"type": "text", "text": "What is it?"}]
        return claude.messages.count_tokens(
            model="demo-claude", messages=[{"role": "user", "content": content}]
        ).input_tokens

    def image(width: int, height: int) -> Any:
        head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
        data = base64.b64encode(head).decode()
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}

    small, large = count(image(75, 10)), count(image(750, 100))
    assert large - small == 99
    linked = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    assert count(linked) > large
    text = {"type": "text", "media_type": "text/plain", "data": "ten" + " ten" * 9}
    assert count({"type": "document", "source": text}) == small - 1 + 10
    pdf = base64.b64encode(b"%PDF /Type /Pages /Type /Page /Type /Page").decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": pdf}
    assert count({"type": "document", "source": source}) == small - 1 + 4_000


def test_counted_tokens_are_those_charged_and_cost_nothing(
    claude: Anthropic, provider: ProviderHandle
) -> None:
    counted = claude.messages.count_tokens(
        model="claude-haiku-4-5", messages=HELLO, tools=[WEATHER], system="Be kind."
    )
    assert provider.wait_idle()["cost_nano"] == 0
    answer = claude.messages.create(
        model="claude-haiku-4-5", messages=HELLO, tools=[WEATHER], system="Be kind.", max_tokens=9
    )
    assert answer.usage.input_tokens == counted.input_tokens


@pytest.mark.parametrize("reason", ["refusal", "pause_turn", "model_context_window_exceeded"])
@pytest.mark.parametrize("stream", [True, False])
def test_stop_reason_on_request(claude: Anthropic, reason: str, stream: bool) -> None:
    asked: Any = {"model": f"demo-claude?tokens=3&stop_reason={reason}", "max_tokens": 9}
    if stream:
        with claude.messages.stream(**asked, messages=HELLO) as events:
            answer: Any = events.get_final_message()
    else:
        answer = claude.messages.create(**asked, messages=HELLO)
    assert answer.stop_reason == reason
    assert (answer.stop_details is not None) == (reason == "refusal")


def test_a_full_context_window_ends_the_answer(claude: Anthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "[[orbit-demo: prompt_tokens=199995]] Hi"}]
    answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=asked)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("model_context_window_exceeded", 5)
    asked = [{"role": "user", "content": "[[orbit-demo: prompt_tokens=200001]] Hi"}]
    with pytest.raises(BadRequestError, match="prompt is too long: 200001 tokens > 200000 maximum"):
        claude.messages.create(model="claude-haiku-4-5", max_tokens=99, messages=asked)


def test_errors_are_the_sdks_own(claude: Anthropic) -> None:
    with pytest.raises(AuthenticationError) as wrong:
        claude.with_options(api_key="sk-other-key").messages.create(
            model="demo-claude", max_tokens=9, messages=HELLO
        )
    assert wrong.value.type == "authentication_error"
    with pytest.raises(PaymentRequiredError) as broke:
        claude.with_options(api_key="sk-demo-broke").models.list()
    assert broke.value.type == "billing_error"
    with pytest.raises(NotFoundError) as unknown:
        claude.messages.create(model="claude-none", max_tokens=9, messages=HELLO)
    assert (unknown.value.type, unknown.value.api_message) == ("not_found_error", "model: claude-none")
    asked: list[MessageParam] = [{"role": "user", "content": "[[orbit-demo: status=529]]"}]
    with pytest.raises(OverloadedError) as overloaded:
        claude.messages.create(model="demo-claude", max_tokens=9, messages=asked)
    assert overloaded.value.request_id
    asked = [{"role": "user", "content": "[[orbit-demo: error_after_chunks=1]]"}]
    with (
        pytest.raises(APIStatusError) as late,
        claude.messages.stream(model="demo-claude", max_tokens=9, messages=asked) as stream,
    ):
        stream.until_done()
    assert late.value.type == "overloaded_error"


def test_models_come_in_pages_and_in_anthropics_shape(claude: Anthropic, client: OpenAI) -> None:
    listed = [model.id for model in claude.models.list(limit=2)]
    assert listed[0] == "claude-opus-4-7"
    assert len(set(listed)) == len(listed) == 5
    page = claude.models.list(before_id=listed[3], limit=2)
    assert ([model.id for model in page.data], page.has_more) == (listed[1:3], True)
    found = claude.models.retrieve("claude-sonnet-4-5")
    assert (found.id, found.lifecycle) == ("claude-sonnet-4-5-20250929", "deprecated")
    with pytest.raises(NotFoundError):
        claude.models.retrieve("gpt-4o")
    assert "gpt-4o" in {model.id for model in client.models.list()}


async def test_async_client_streams(provider: ProviderHandle) -> None:
    address = provider.base_url.removesuffix("/v1")
    async with (
        AsyncAnthropic(base_url=address, api_key=KEY, max_retries=0) as client,
        client.messages.stream(model="demo-claude", max_tokens=9, messages=HELLO) as stream,
    ):
        text = "".join([part async for part in stream.text_stream])
        message = await stream.get_final_message()
    assert text == _text(message) != ""


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")
