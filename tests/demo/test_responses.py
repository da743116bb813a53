"""The Responses endpoints, through the official OpenAI client unchanged."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

from orbit.demo.provider.process import ProviderHandle

from .conftest import KEY

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather at a place",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["location", "days"],
    },
    "strict": True,
}


@pytest.fixture
def stranger(provider: ProviderHandle) -> Iterator[OpenAI]:
    with OpenAI(base_url=provider.base_url, api_key=f"{KEY}-stranger", max_retries=0) as client:
        yield client


def _record(provider: ProviderHandle) -> dict[str, Any]:
    provider.wait_idle()
    return provider.requests()[-1]


def test_plain_answer_repeats_the_settings_and_reports_its_usage(
    client: OpenAI, provider: ProviderHandle
) -> None:
    answer = client.responses.create(
        model="gpt-4o-mini",
        input="Hello there",
        instructions="Be brief.",
        metadata={"team": "blue"},
        prompt_cache_key="k",
        service_tier="auto",
    )
    assert (answer.object, answer.status, answer.model) == (
        "response",
        "completed",
        "gpt-4o-mini-2024-07-18",
    )
    assert len(answer.output_text) > 40
    assert (answer.instructions, answer.metadata, answer.prompt_cache_key) == (
        "Be brief.",
        {"team": "blue"},
        "k",
    )
    assert answer.service_tier == "default"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    record = _record(provider)
    assert (record["prompt_tokens"], record["completion_tokens"]) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )
    assert record["cost_nano"] == answer.usage.input_tokens * 150 + answer.usage.output_tokens * 600


def test_stream_has_every_event_in_the_vendors_order(client: OpenAI) -> None:
    plain = client.responses.create(model="gpt-4o-mini", input="Hello there")
    events = list(client.responses.create(model="gpt-4o-mini", input="Hello there", stream=True))
    names = [event.type for event in events]
    deltas = names.count("response.output_text.delta")
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == plain.output_text
    assert last.response.usage == plain.usage


def test_the_stream_accumulator_of_the_sdk_rebuilds_the_answer(client: OpenAI) -> None:
    with client.responses.stream(model="gpt-4o-mini", input="Hello", tools=[WEATHER]) as stream:
        final = stream.get_final_response()
    assert final.output[0].type == "function_call"
    assert json.loads(final.output[0].arguments)["days"] == 1


def test_call_result_and_answer_in_items(client: OpenAI) -> None:
    question: list[Any] = [{"role": "user", "content": "What is the weather in Rome?"}]
    asked = client.responses.create(model="gpt-5", input=question, tools=[WEATHER])
    call = asked.output[-1]
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"location": "Rome", "days": 1}
    told = question + [item.model_dump(exclude_none=True) for item in asked.output]
    told.append({"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"})
    final = client.responses.create(model="gpt-5", input=told, tools=[WEATHER])
    assert "21 degrees" in final.output_text
    with pytest.raises(BadRequestError, match="No tool output found"):
        client.responses.create(model="gpt-5", input=told[:-1], tools=[WEATHER])


def test_function_arguments_stream_in_pieces(client: OpenAI) -> None:
    events = list(
        client.responses.create(
            model="demo-chat?tool_calls=2", input="In Rome?", tools=[WEATHER], stream=True
        )
    )
    pieces = [each for each in events if each.type == "response.function_call_arguments.delta"]
    done = [each for each in events if each.type == "response.function_call_arguments.done"]
    assert len(done) == 2
    for index, whole in enumerate(done):
        assert "".join(each.delta for each in pieces if each.output_index == index) == whole.arguments


def test_one_call_only_when_parallel_calls_are_off(client: OpenAI) -> None:
    answer = client.responses.create(
        model="demo-chat?tool_calls=3", input="In Rome?", tools=[WEATHER], parallel_tool_calls=False
    )
    assert [item.type for item in answer.output] == ["function_call"]


def test_tool_choice_none_and_forced(client: OpenAI) -> None:
    free = client.responses.create(model="gpt-4o", input="Hi", tools=[WEATHER], tool_choice="none")
    assert free.output_text
    with pytest.raises(BadRequestError) as unknown:
        client.responses.create(
            model="gpt-4o",
            input="Hi",
            tools=[WEATHER],
            tool_choice={"type": "function", "name": "nothing"},
        )
    assert unknown.value.param == "tool_choice"


def test_web_searches_are_items_and_are_charged(client: OpenAI, provider: ProviderHandle) -> None:
    for stream in (False, True):
        answer: Any = client.responses.create(
            model="demo-chat?web_searches=2&tokens=5",
            input="What is new?",
            tools=[{"type": "web_search"}],
            stream=stream,
        )
        final = list(answer)[-1].response if stream else answer
        kinds = [item.type for item in final.output]
        assert kinds == ["web_search_call", "web_search_call", "message"]
        assert final.tool_usage.web_search.num_requests == 2
        record = _record(provider)
        assert record["units"] == {"web_searches": 2}
        assert record["cost_nano"] == record["prompt_tokens"] * 150 + 5 * 600 + 2 * 10_000_000


def test_reasoning_follows_the_effort_and_its_summary_is_streamed(
    client: OpenAI, provider: ProviderHandle
) -> None:
    events = list(
        client.responses.create(
            model="o4-mini", input="Think", reasoning={"effort": "high", "summary": "auto"}, stream=True
        )
    )
    text = "".join(each.delta for each in events if each.type == "response.reasoning_summary_text.delta")
    final = events[-1]
    assert final.type == "response.completed"
    assert final.response.output[0].type == "reasoning"
    assert final.response.output[0].summary[0].text == text != ""
    assert final.response.usage
    assert final.response.usage.output_tokens_details.reasoning_tokens == 64
    assert _record(provider)["completion_tokens"] == final.response.usage.output_tokens


class Trip(BaseModel):
    city: str
    nights: int


def test_structured_answer_parses(client: OpenAI) -> None:
    answer = client.responses.parse(model="gpt-4o", input="A trip to Rome", text_format=Trip)
    assert answer.output_parsed == Trip(city="Rome", nights=3)


def test_output_limit_makes_it_incomplete(client: OpenAI) -> None:
    answer = client.responses.create(model="demo-chat?tokens=50", input="Hi", max_output_tokens=20)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage
    assert answer.usage.output_tokens == 20
    events = list(
        client.responses.create(model="demo-chat?tokens=50", input="Hi", max_output_tokens=20, stream=True)
    )
    assert events[-1].type == "response.incomplete"
    with pytest.raises(BadRequestError) as low:
        client.responses.create(model="demo-chat", input="Hi", max_output_tokens=5)
    assert low.value.code == "integer_below_min_value"


def test_previous_response_is_part_of_the_input_and_counted(client: OpenAI) -> None:
    first = client.responses.create(model="demo-chat?tokens=200", input="Tell me a story.")
    alone = client.responses.create(model="demo-chat", input="Go on.")
    second = client.responses.create(model="demo-chat", input="Go on.", previous_response_id=first.id)
    assert first.usage
    assert alone.usage
    assert second.usage
    assert second.usage.input_tokens >= alone.usage.input_tokens + 200
    counted = client.responses.input_tokens.count(
        model="demo-chat", input="Go on.", previous_response_id=first.id
    )
    assert counted.input_tokens == second.usage.input_tokens
    items = client.responses.input_items.list(second.id, order="asc")
    assert [item.type for item in items] == ["message"] * 3


def test_stored_response_is_found_listed_and_deleted(client: OpenAI, provider: ProviderHandle) -> None:
    made = client.responses.create(model="demo-chat", input="Hello")
    assert client.responses.retrieve(made.id).output_text == made.output_text
    listed = client.responses.input_items.list(made.id, limit=1)
    assert listed.data[0].type == "message"
    client.responses.delete(made.id)
    with pytest.raises(NotFoundError, match=f"Response with id '{made.id}' not found."):
        client.responses.retrieve(made.id)
    provider.wait_idle()
    assert [record["cost_nano"] > 0 for record in provider.requests()] == [True, False, False, False, False]


def test_item_reference_stands_for_the_item(client: OpenAI) -> None:
    made = client.responses.create(model="demo-chat?tokens=100", input="Hello")
    again = client.responses.create(
        model="demo-chat",
        input=[
            {"type": "item_reference", "id": made.output[0].id or ""},
            {"role": "user", "content": "Shorter."},
        ],
    )
    assert [item.type for item in client.responses.input_items.list(again.id)] == ["message", "message"]
    with pytest.raises(NotFoundError):
        client.responses.create(model="demo-chat", input=[{"type": "item_reference", "id": "msg_none"}])


def test_another_key_sees_nothing_of_it(client: OpenAI, stranger: OpenAI) -> None:
    made = client.responses.create(model="demo-chat", input="Hello")
    for call in (
        stranger.responses.retrieve,
        stranger.responses.delete,
        stranger.responses.cancel,
        stranger.responses.input_items.list,
    ):
        with pytest.raises(NotFoundError):
            call(made.id)
    with pytest.raises(BadRequestError) as refused:
        stranger.responses.create(model="demo-chat", input="Go on", previous_response_id=made.id)
    assert refused.value.code == "previous_response_not_found"


def test_store_false_is_not_kept(client: OpenAI) -> None:
    made = client.responses.create(model="demo-chat", input="Hello", store=False)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(made.id)


def test_what_is_not_imitated_is_refused_by_name(client: OpenAI) -> None:
    for field in ({"conversation": "conv_1"}, {"moderation": {"model": "omni-moderation-latest"}}):
        with pytest.raises(BadRequestError) as refused:
            client.responses.create(model="demo-chat", input="Hi", extra_body=field)
        assert refused.value.param == next(iter(field))
    with pytest.raises(BadRequestError, match="Unknown parameter: 'messages'"):
        client.responses.create(model="demo-chat", input="Hi", extra_body={"messages": []})
