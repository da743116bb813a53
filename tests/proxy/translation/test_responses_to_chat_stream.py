"""Streams, however they are split and whatever is in them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.formats.base import Unreadable
from proxy.translation.base import StreamBack
from proxy.translation.responses_to_chat import ResponsesToChat
from proxy.translation.responses_to_chat.output import MOST_HELD, MOST_ITEMS
from tests.proxy.translation.responses_to_chat_cases import (
    CUSTOM,
    EVENT,
    FUNCTION,
    RESPONSE,
    accumulated,
    ask,
    events_of,
    fits,
    rebuilt,
    translate,
)

ASKED = ask(tools=[FUNCTION, CUSTOM], include=["reasoning.encrypted_content"])
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def calls(*fragments: Mapping[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(fragments)})


def fragment(arguments: Any, **fields: Any) -> dict[str, Any]:
    name = {"name": fields.pop("name")} if "name" in fields else {}
    return {**fields, "function": {**name, "arguments": arguments}}


def streamed() -> ResponsesToChat:
    return translate(ASKED, stream=True)


def output_of(*chunks: dict[str, Any]) -> list[dict[str, Any]]:
    events = events_of(streamed(), chunks)
    output = events[-1]["response"]["output"]
    assert rebuilt(events) == output
    accumulated(events)
    return output  # type: ignore[no-any-return]


def told(output: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Kinds and what was written."""
    made: list[tuple[str, Any]] = []
    for item in output:
        match item["type"]:
            case "reasoning":
                made.append(("reasoning", "".join(part["text"] for part in item["summary"])))
            case "message":
                made.append(("message", "".join(part.get("text", "") for part in item["content"])))
            case "function_call":
                made.append((item["call_id"], item["arguments"]))
            case "custom_tool_call":
                made.append((item["call_id"], item["input"]))
    return made


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
BLOCK = st.one_of(
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXT, "signature": TEXT}),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": TEXT}),
)
FREE = TEXT.map(lambda text: orjson.dumps({"input": text}).decode())
CALLS = st.lists(st.one_of(st.tuples(st.just("f"), TEXT), st.tuples(st.just("c"), FREE)), max_size=4)


@st.composite
def _split(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A plain answer, and one of the streams that say the same."""
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.none() | TEXT)}
    chunks: list[dict[str, Any]] = [chunk({"role": "assistant", "content": ""})]
    thought, refusal = draw(TEXT), draw(st.none() | TEXT)
    blocks, written = draw(st.lists(BLOCK, max_size=2)), draw(CALLS)
    if thought:
        message["reasoning_content"] = thought
        chunks += [chunk({"reasoning_content": one}) for one in draw(_split(thought))]
    if blocks:
        message["thinking_blocks"] = blocks
        chunks += [chunk({"thinking_blocks": [{"index": at, **one}]}) for at, one in enumerate(blocks)]
    chunks += [chunk({"content": one}) for one in draw(_split(message["content"] or ""))]
    if refusal is not None:
        message["refusal"] = refusal
        chunks += [chunk({"refusal": one}) for one in draw(_split(refusal))]
    if written:
        message["tool_calls"] = [
            {"id": f"call_{at}", "type": "function", **fragment(arguments, name=name)}
            for at, (name, arguments) in enumerate(written)
        ]
        heads = [fragment("", index=at, id=f"call_{at}", name=name) for at, (name, _) in enumerate(written)]
        rests = [
            [fragment(one, index=at) for one in draw(_split(arguments))]
            for at, (_, arguments) in enumerate(written)
        ]
        chunks += [calls(*heads)] if draw(st.booleans()) else [calls(head) for head in heads]
        while any(rests):  # fragments of one call keep their order, those of several mingle
            rest = draw(st.sampled_from([one for one in rests if one]))
            chunks.append(calls(rest.pop(0)))
    finish = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"]))
    chunks += [chunk({}, finish), {"id": "x", "model": "m", "choices": [], "usage": USAGE}]
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "x", "model": "m", "choices": [choice], "usage": USAGE}, chunks


@settings(max_examples=60, deadline=None)
@given(answers())
def test_any_split_of_an_answer_gives_the_same_response(
    made: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    answer, chunks = made
    translated = streamed()
    plain = translated.answer(answer)
    events = events_of(translated, chunks)
    for event in events:
        fits(EVENT, event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] == f"response.{plain['status']}"
    assert events[-1]["response"] == plain
    assert rebuilt(events) == plain["output"]
    fits(RESPONSE, plain)
    final = accumulated(events)
    assert {name: plain[name] for name in ("id", "output", "usage", "status")} == {
        name: _as_given(final[name], plain[name]) for name in ("id", "output", "usage", "status")
    }


def _as_given(found: Any, like: Any) -> Any:
    """The SDK's models write every field that they know; only those that were sent count."""
    if isinstance(like, dict):
        return {name: _as_given(found.get(name), value) for name, value in like.items()}
    if isinstance(like, list):
        assert len(found) == len(like)
        return [_as_given(one, value) for one, value in zip(found, like, strict=True)]
    return found


def test_item_is_done_as_soon_as_another_begins() -> None:
    """Agents show a message, and act on a thought, when its item is done."""
    back = streamed().stream()
    for delta in ({"reasoning_content": "a"}, {"content": "b"}):
        back.feed(chunk(delta))
    events = back.feed(calls(fragment("{}", index=0, id="call_0", name="f")))
    kinds = [event["type"] for event in events]
    assert kinds.index("response.output_item.done") < kinds.index("response.output_item.added")


def test_thoughts_between_texts_are_items_of_their_own() -> None:
    deltas: list[dict[str, Any]] = [
        {"reasoning_content": "a"},
        {"content": "b"},
        {"reasoning_content": "c"},
        {"content": "d"},
    ]
    output = output_of(*(chunk(delta) for delta in deltas))
    assert told(output) == [("reasoning", "a"), ("message", "b"), ("reasoning", "c"), ("message", "d")]


def test_citations_count_from_the_start_of_their_own_message() -> None:
    source = {"start_index": 3, "end_index": 5, "title": "t", "url": "https://example.com/"}
    cited = {"annotations": [{"type": "url_citation", "url_citation": source}]}
    deltas: list[dict[str, Any]] = [{"content": "abc"}, {"reasoning_content": "x"}, {"content": "de"}, cited]
    output = output_of(*(chunk(delta) for delta in deltas))
    assert [part["annotations"] for part in output[2]["content"]] == [
        [{"type": "url_citation", **source, "start_index": 0, "end_index": 2}]
    ]


def test_call_whose_name_comes_late_loses_nothing() -> None:
    output = output_of(
        calls(fragment('{"a"', index=0, id="call_0")), calls(fragment(":1}", index=0, name="f"))
    )
    assert told(output) == [("call_0", '{"a":1}')]


def test_calls_that_are_all_numbered_alike_are_told_apart() -> None:
    output = output_of(
        calls(fragment('{"a":1}', index=0, id="x", name="f")),
        calls(fragment('{"a":2}', index=0, id="y", name="f")),
    )
    assert told(output) == [("x", '{"a":1}'), ("y", '{"a":2}')]


def test_calls_without_numbers_go_on_by_their_ids_or_the_last() -> None:
    output = output_of(
        calls(fragment("[", id="x", name="f")),
        calls(fragment("(", id="y", name="f")),
        calls(fragment(")")),
        calls(fragment("]", id="x")),
        calls(fragment("{}", name="f")),
    )
    assert told(output)[:2] == [("x", "[]"), ("y", "()")]
    assert output[2]["arguments"] == "{}"


def test_ids_that_a_server_gives_twice_are_made_different() -> None:
    """The vendor's client takes calls for the same by nothing else."""
    output = output_of(
        calls(fragment("1", index=0, id="x", name="f"), fragment("2", index=1, id="x", name="f"))
    )
    assert len({item["call_id"] for item in output}) == 2
    assert [item["arguments"] for item in output] == ["1", "2"]


def test_arguments_that_a_server_leaves_out_or_gives_as_an_object_are_json() -> None:
    output = output_of(
        calls(fragment(None, index=0, id="x", name="f"), fragment({"a": 1}, index=1, id="y", name="f")),
        chunk({}, "tool_calls"),
    )
    assert told(output) == [("x", "{}"), ("y", '{"a":1}')]


@pytest.mark.parametrize(
    ("arguments", "given_input"),
    [
        ('{"input":"a\\"b"}', 'a"b'),
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"patch":"a"}', '{"patch":"a"}'),
        ("", ""),
    ],
)
def test_custom_tool_gets_its_text_even_from_a_model_that_does_not_wrap_it(
    arguments: str, given_input: str
) -> None:
    output = output_of(calls(fragment(arguments, index=0, id="x", name="c")))
    assert told(output) == [("x", given_input)]


def test_content_in_parts_is_read() -> None:
    """Mistral's servers write it so, thinking included."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]
    assert told(output_of(chunk({"content": parts}))) == [("reasoning", "hm"), ("message", "yes")]


def test_end_without_any_chunk_is_a_whole_stream() -> None:
    events = events_of(streamed(), [])
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]
    for event in events:
        fits(EVENT, event)
    assert events[-1]["response"]["usage"] is None


def test_provider_that_breaks_off_with_an_error_has_failed() -> None:
    events = events_of(streamed(), [chunk({"content": "a"}), chunk({}, "error")])
    fits(EVENT, events[-1])
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["code"] == "server_error"
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_usage_that_runs_along_is_told_once_and_in_full() -> None:
    growing = [{**chunk({"content": "a"}), "usage": {**USAGE, "completion_tokens": at}} for at in (1, 7, 0)]
    final = events_of(streamed(), growing)[-1]["response"]["usage"]
    assert (final["input_tokens"], final["output_tokens"]) == (3, 7)


def test_refusal_among_the_parts_of_a_content_is_one() -> None:
    (item,) = output_of(
        chunk({"content": [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]})
    )
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]
    assert item["content"][1]["refusal"] == "No."


def test_second_choice_is_not_mixed_into_the_first() -> None:
    other = {"model": "m", "choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]}
    assert told(output_of(chunk({"content": "a"}), other)) == [("message", "a")]


@pytest.mark.parametrize(
    "answer",
    [{}, {"choices": []}, {"choices": {}}, {"choices": [{}]}, {"choices": [{"index": 0, "message": "a"}]}],
)
def test_answer_without_a_message_is_unreadable(answer: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        streamed().answer(answer)


def flood(chunks: list[dict[str, Any]]) -> None:
    """Some is taken, so much is not."""
    back = streamed().stream()
    for one in chunks[:2]:
        back.feed(one)
    with pytest.raises(Unreadable):
        _feed(back, chunks[2:])


def _feed(back: StreamBack, chunks: list[dict[str, Any]]) -> None:
    for one in chunks:
        back.feed(one)


def test_stream_cannot_make_more_items_than_are_held() -> None:
    flood([chunk({"reasoning_content": "a", "content": "b"})] * MOST_ITEMS)


def test_stream_cannot_make_more_calls_than_are_held() -> None:
    flood([calls(fragment("", index=at)) for at in range(MOST_ITEMS + 1)])


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x" * 1_000_000},
        {"reasoning": "x" * 1_000_000},
        {"tool_calls": [fragment("x" * 1_000_000, index=0)]},
        {"tool_calls": [{"index": 0, "id": "x" * 1_000_000}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": ""}] * 10_000},
    ],
    ids=["text", "reasoning", "arguments", "ids", "blocks"],
)
def test_stream_cannot_fill_the_memory(delta: dict[str, Any]) -> None:
    flood([chunk(delta)] * (MOST_HELD // 1_000_000 + 1))


NAMES = [
    "choices", "index", "delta", "message", "content", "type", "text", "thinking", "reasoning", "reasoning_content",
    "thinking_blocks", "signature", "data", "annotations", "url_citation", "start_index", "end_index", "title", "url",
    "refusal", "tool_calls", "id", "function", "name", "arguments", "finish_reason", "usage", "prompt_tokens",
    "completion_tokens", "model", "service_tier", "x_groq",
]  # fmt: skip
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**70,
    1.5,
    "",
    "a",
    "f",
    "c",
    "text",
    "thinking",
    "error",
    "default",
    "{}",
]


def _junk(dice: random.Random, depth: int) -> Any:
    kind = dice.random()
    if depth == 0 or kind < 0.3:
        return dice.choice(VALUES)
    if kind < 0.5:
        return [_junk(dice, depth - 1) for _ in range(dice.randrange(4))]
    return {dice.choice(NAMES): _junk(dice, depth - 1) for _ in range(dice.randrange(6))}


def _broken(dice: random.Random, value: Any) -> Any:
    """The value with some of what is in it replaced."""
    if dice.random() < 0.08:
        return _junk(dice, 3)
    if isinstance(value, dict):
        return {name: _broken(dice, one) for name, one in value.items() if dice.random() > 0.03}
    return [_broken(dice, one) for one in value] if isinstance(value, list) else value


SOUND = [
    chunk({"role": "assistant", "content": "a", "reasoning_content": "b"}),
    chunk({"thinking_blocks": [{"type": "thinking", "thinking": "b", "signature": "s"}]}),
    chunk({"content": [{"type": "text", "text": "a"}], "refusal": "no"}),
    chunk({"content": "a", "annotations": [
        {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "title": "t", "url": "u"}}
    ]}),
    calls(fragment("{", index=0, id="x", name="f"), fragment('{"input":"a"}', index=1, id="y", name="c")),
    calls(fragment("}", index=0)),
    {**chunk({}, "tool_calls"), "service_tier": "default", "usage": USAGE},
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_hostile_chunks_are_read_as_far_as_they_make_sense(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        chunks = [_broken(dice, dice.choice(SOUND)) for _ in range(8)]
        chunks = [one for one in chunks if isinstance(one, dict)]
        try:
            events = events_of(streamed(), chunks)
        except Unreadable:
            continue
        for event in events:
            fits(EVENT, event)
        assert rebuilt(events) == events[-1]["response"]["output"]
        accumulated(events)


@pytest.mark.parametrize("seed", range(2))
def test_hostile_answers_are_a_response_or_unreadable(seed: int) -> None:
    dice = random.Random(seed)
    said = 0
    for _ in range(200):
        delta = dice.choice(SOUND)["choices"][0]["delta"]
        sound = {
            "model": "m",
            "choices": [{"index": 0, "message": delta, "finish_reason": "stop"}],
            "usage": USAGE,
        }
        answer = _broken(dice, sound)
        if not isinstance(answer, dict):
            continue
        try:
            response = streamed().answer(answer)
        except Unreadable:
            continue
        fits(RESPONSE, response)
        orjson.dumps(response)
        said += bool(response["output"])
    assert said > 50
