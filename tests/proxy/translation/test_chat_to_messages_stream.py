"""Streams: however they are cut they add up to the plain answer, and no provider can break or fill the translator."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.formats.base import Unreadable
from proxy.translation.chat_to_messages.stream import MOST_BLOCKS, MOST_HELD, ChatStream
from tests.proxy.translation.chat_to_messages_cases import (
    NOW,
    accumulated,
    ask,
    bare,
    fixture,
    fixtures,
    streamed,
    translate,
    whole_message,
)

WEB = {
    "type": "web_search_result_location",
    "cited_text": "x",
    "encrypted_index": "e",
    "title": None,
    "url": "https://example.com",
}
PAGE = {
    "type": "page_location",
    "cited_text": "x",
    "document_index": 0,
    "document_title": None,
    "start_page_number": 1,
    "end_page_number": 2,
}
OLDER = ask(functions=[{"name": "f"}])
START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
}


def begun(index: Any, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: Any, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stopped(index: Any) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ended(reason: Any, **usage: Any) -> dict[str, Any]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9, **usage}}


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


# Of the letters that split badly, and of all that JSON must escape.
texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=5)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def block_events(draw: st.DrawFn, index: int) -> list[dict[str, Any]]:
    match draw(
        st.sampled_from(["text", "cited", "thinking", "redacted_thinking", "tool_use", "server_tool_use"])
    ):
        case "text":
            made = [more(index, type="text_delta", text=one) for one in draw(pieces(draw(texts)))]
            start = begun(index, type="text", text="")
        case "cited":
            made = [more(index, type="text_delta", text=one) for one in draw(pieces(draw(texts)))]
            for one in draw(st.lists(st.sampled_from([WEB, PAGE]), min_size=1, max_size=3)):
                place = draw(st.integers(0, len(made)))
                made.insert(place, more(index, type="citations_delta", citation=one))
            start = begun(index, type="text", text="", citations=[])
        case "thinking":
            made = [more(index, type="thinking_delta", thinking=one) for one in draw(pieces(draw(texts)))]
            made += [more(index, type="signature_delta", signature=draw(st.sampled_from(["", "c2ln"])))]
            start = begun(index, type="thinking", thinking="", signature="")
        case "redacted_thinking":
            made, start = [], begun(index, type="redacted_thinking", data=draw(texts))
        case kind:
            given = draw(st.dictionaries(texts, values, max_size=3))
            written = orjson.dumps(given).decode() if given else draw(st.sampled_from(["", "{}"]))
            made = [more(index, type="input_json_delta", partial_json=one) for one in draw(pieces(written))]
            name = "f" if kind == "tool_use" else "web_search"
            start = begun(index, type=kind, id=f"toolu_{index}", name=name, input={})
    return [start, *made, stopped(index)]


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [START]
    for index in range(draw(st.integers(0, 5))):
        events += draw(block_events(index))
    reason = draw(st.sampled_from(["end_turn", "max_tokens", "tool_use", "stop_sequence", "pause_turn"]))
    return [*events, ended(reason), {"type": "message_stop"}]


def parsed(answer: dict[str, Any]) -> dict[str, Any]:
    """Arguments as what they say: the same JSON may be written with other spaces."""
    for call in answer["choices"][0]["message"].get("tool_calls", ()):
        call["function"]["arguments"] = orjson.loads(call["function"]["arguments"])
    return answer


@settings(max_examples=200, deadline=None)
@given(streams())
def test_however_a_stream_is_cut_it_adds_up_to_the_plain_answer(events: list[dict[str, Any]]) -> None:
    plain = translate(ask()).answer(whole_message(events))
    assert parsed(accumulated(streamed(events))) == parsed(bare(plain))


@pytest.mark.parametrize("name", fixtures("streams"))
@pytest.mark.parametrize("wants_usage", [True, False])
def test_chunks_agree_on_their_head_and_usage_comes_last_to_those_who_asked(
    name: str, wants_usage: bool
) -> None:
    chunks = streamed(fixture("streams", name)["events"], wants_usage=wants_usage)
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    assert chunks[0]["created"] == NOW
    usages = [chunk["usage"] for chunk in chunks if "usage" in chunk]
    if wants_usage:
        assert usages[:-1] == [None] * (len(chunks) - 1)
        assert usages[-1]["total_tokens"] > 0
        assert chunks.pop()["choices"] == []
    else:
        assert usages == []
    assert [chunk["choices"][0]["finish_reason"] is None for chunk in chunks] == [True] * (
        len(chunks) - 1
    ) + [False]
    assert deltas(chunks)[0] == {"role": "assistant"}
    assert sum("role" in delta for delta in deltas(chunks)) == 1


def test_calls_bear_name_and_id_once_and_their_fragments_are_json() -> None:
    chunks = streamed(fixture("streams", "tools")["events"])
    calls = [call for delta in deltas(chunks) for call in delta.get("tool_calls", ())]
    for index, name, arguments in ((0, "weather", '{"city":"Oslo","days":2}'), (1, "clock", "{}")):
        of_one = [call for call in calls if call["index"] == index]
        assert [call.get("id") for call in of_one] == [f"toolu_{index + 1}", *[None] * (len(of_one) - 1)]
        assert [call["function"].get("name") for call in of_one] == [name, *[None] * (len(of_one) - 1)]
        assert "".join(call["function"]["arguments"] for call in of_one) == arguments


def test_thinking_is_written_as_it_comes_and_signed_at_the_end_of_its_block() -> None:
    made = deltas(streamed(fixture("streams", "thinking")["events"]))
    assert [delta["reasoning_content"] for delta in made if "reasoning_content" in delta] == [
        "Let me",
        " see.",
    ]
    blocks = [block for delta in made for block in delta.get("thinking_blocks", ())]
    assert [block["index"] for block in blocks] == [0, 1]
    assert blocks[0]["signature"] == "c2lnbmF0dXJl"


@pytest.mark.parametrize("reason", ["tool_use", "end_turn"])
def test_older_form_gets_its_call_in_the_older_form(reason: str) -> None:
    events = [
        START,
        begun(0, type="tool_use", id="toolu_1", name="f", input={}),
        more(0, type="input_json_delta", partial_json='{"a":'),
        more(0, type="input_json_delta", partial_json="1}"),
        stopped(0),
        ended(reason),
    ]
    made = accumulated(streamed(events, OLDER))
    plain = translate(OLDER).answer(whole_message(events))
    assert made == bare(plain)
    assert plain["choices"][0]["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert plain["choices"][0]["finish_reason"] == ("function_call" if reason == "tool_use" else "stop")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("of_the_future", "stop"),
        (None, "stop"),
        ([], "stop"),
    ],
)
def test_finish_reasons(reason: Any, finish: str) -> None:
    assert streamed([START, ended(reason)], wants_usage=False)[-1]["choices"][0]["finish_reason"] == finish
    answer = translate(ask()).answer({"content": [], "stop_reason": reason})
    assert answer["choices"][0]["finish_reason"] == finish


def test_the_last_count_of_each_name_stands() -> None:
    usage = streamed([START, ended(None, output_tokens=4), ended("end_turn", cache_read_input_tokens=2)])[-1][
        "usage"
    ]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 9, 14)


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"input_tokens": -1, "output_tokens": 2}, {"input_tokens": "3"}]
)
def test_usage_that_makes_no_sense_is_none(usage: Any) -> None:
    answer = translate(ask()).answer({"content": [], "stop_reason": "end_turn", "usage": usage})
    assert "usage" not in answer
    assert all(
        chunk["choices"] for chunk in streamed([{"type": "message_start", "message": {"usage": usage}}])
    )


@pytest.mark.parametrize(
    "answer", [{}, {"content": None}, {"content": "text"}, {"type": "error", "error": {}}]
)
def test_what_is_no_answer_is_unreadable(answer: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        translate(ask()).answer(answer)


IGNORED = [
    {"type": "ping"},
    {"type": "of_the_future", "index": 0},
    {"type": ["ping"]},
    {},
    begun(0, type="of_the_future", data=1),
    begun(0, type="tool_use", id="x", input={}),
    begun(0, type="tool_use", id="x", name=7, input={}),
    begun(None, type="text", text="x"),
    begun(True, type="text", text="x"),
    begun(-1, type="text", text="x"),
    {"type": "content_block_start", "index": 0, "content_block": None},
    more(7, type="text_delta", text="x"),
    more("0", type="text_delta", text="x"),
    {"type": "content_block_delta", "index": 1},
    more(1, type="text_delta", text=5),
    more(1, type="thinking_delta", thinking="x"),
    more(1, type="input_json_delta", partial_json="{"),
    more(1, type="of_the_future"),
    more(1, type="citations_delta", citation=3),
    stopped(9),
    stopped(None),
    {"type": "message_delta", "delta": 3, "usage": 4},
    {"type": "message_start", "message": 3},
]


@pytest.mark.parametrize("event", IGNORED)
def test_what_makes_no_sense_is_passed_over(event: dict[str, Any]) -> None:
    before, after = (
        [START, begun(1, type="text", text="")],
        [more(1, type="text_delta", text="a"), stopped(1)],
    )
    assert streamed([*before, event, *after]) == streamed([*before, *after])


def test_stream_that_begins_in_the_middle_still_has_a_head() -> None:
    chunks = streamed([begun(0, type="text", text="a"), more(0, type="text_delta", text="b")])
    assert deltas(chunks) == [{"role": "assistant"}, {"content": "a"}, {"content": "b"}, {}]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["id"].startswith("chatcmpl-")


def test_open_blocks_are_finished_at_the_end() -> None:
    thinking = begun(0, type="thinking", thinking="Hm.", signature="c2ln")
    call = begun(1, type="tool_use", id="a", name="f", input={"x": 1})
    made = accumulated(streamed([START, thinking, call, ended("max_tokens")]))["choices"][0]["message"]
    assert made["thinking_blocks"][0]["signature"] == "c2ln"
    assert made["tool_calls"][0]["function"]["arguments"] == '{"x":1}'


def test_block_whose_place_another_takes_is_finished_first() -> None:
    calls = [begun(0, type="tool_use", id=name, name="f", input={}) for name in "ab"]
    made = accumulated(streamed([START, *calls, stopped(0)]))["choices"][0]["message"]
    assert [call["function"]["arguments"] for call in made["tool_calls"]] == ["{}", "{}"]


def fed(stream: ChatStream, events: Any) -> None:
    for event in events:
        stream.feed(event)


@pytest.mark.parametrize(
    "events",
    [
        [begun(index, type="text", text="") for index in range(10_000)],
        [begun(0, type="tool_use", id="x", name="f", input={}) for _ in range(10_000)],
        [
            begun(0, type="thinking", thinking=""),
            *[more(0, type="thinking_delta", thinking="x" * 1000)] * 10_000,
        ],
        [
            begun(0, type="text", text=""),
            *[more(0, type="citations_delta", citation={**PAGE, "x": "y" * 999})] * 10_000,
        ],
        [begun(0, type="thinking"), *[more(0, type="signature_delta", signature="x" * 1000)] * 10_000],
    ],
    ids=["open", "calls", "thinking", "citations", "signatures"],
)
def test_more_than_any_provider_sends_is_unreadable_before_it_fills_memory(events: list[Any]) -> None:
    stream = translate(ask(), stream=True).stream()
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            fed(stream, events)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MOST_HELD
    assert stream.blocks <= MOST_BLOCKS + 1


def test_long_text_is_not_kept() -> None:
    stream = translate(ask(), stream=True).stream()
    stream.feed(begun(0, type="text", text=""))
    tracemalloc.start()
    try:
        for _ in range(3_000):
            stream.feed(more(0, type="text_delta", text="x" * 10_000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100_000


@pytest.mark.parametrize("deep", [300, 900])
def test_value_that_is_too_deep_is_unreadable(deep: int) -> None:
    value: Any = {}
    for _ in range(deep):
        value = {"a": value}
    call = {"type": "tool_use", "id": "x", "name": "f", "input": value}
    with pytest.raises(Unreadable):
        translate(ask(), stream=True).stream().feed(begun(0, **call))
    with pytest.raises(Unreadable):
        translate(ask()).answer({"content": [call]})
    with pytest.raises(Unreadable):
        translate(ask()).answer({"content": [{"type": "text", "text": "x", "citations": [value]}]})


NAMES = [
    "type", "index", "message", "content_block", "delta", "usage", "text", "thinking", "signature", "id", "name",
    "input", "partial_json", "citation", "citations", "stop_reason", "stop_details", "explanation", "data", "model",
    "input_tokens", "output_tokens", "output_tokens_details", "cache_creation", "service_tier", "content", "url",
]  # fmt: skip
WORDS = [
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop", "text", "text_delta", "thinking", "thinking_delta", "signature_delta", "redacted_thinking",
    "tool_use", "input_json_delta", "citations_delta", "web_search_result_location", "refusal", "x", "",
]  # fmt: skip


def anything(chance: random.Random, depth: int = 3) -> Any:
    kind = chance.randrange(10 if depth else 7)
    if kind < 3:
        return chance.choice(WORDS)
    if kind < 5:
        return chance.choice([0, 1, 2, -1, 2**70, 1.5, 1e300, True, None])
    if kind < 7:
        return None
    if kind == 7:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(3))]
    return {name: anything(chance, depth - 1) for name in chance.sample(NAMES, chance.randrange(8))}


def near_event(chance: random.Random) -> dict[str, Any]:
    """Often enough of the right shape to get past the first look."""
    event = {name: anything(chance) for name in chance.sample(NAMES, 4)}
    event["type"] = chance.choice([*WORDS[:6], anything(chance)])
    event["index"] = chance.choice([0, 0, 1, 2, anything(chance)])
    for name in ("content_block", "delta"):
        part = {one: anything(chance) for one in chance.sample(NAMES, 6)}
        event[name] = chance.choice([{**part, "type": chance.choice(WORDS)}, anything(chance)])
    return event


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("body", [ask(), OLDER], ids=["tools", "functions"])
def test_random_events_give_chunks_or_are_unreadable(seed: int, body: dict[str, Any]) -> None:
    chance, read = random.Random(seed), 0
    for _ in range(40):
        try:
            chunks = streamed([near_event(chance) for _ in range(25)], body)
        except Unreadable:
            continue
        assert accumulated(orjson.loads(orjson.dumps(chunks)))
        read += 1
    assert read > 20


@pytest.mark.parametrize("seed", range(20))
def test_random_answers_give_completions_or_are_unreadable(seed: int) -> None:
    chance, read = random.Random(seed), 0
    for _ in range(100):
        blocks = [near_event(chance)["content_block"] for _ in range(4)]
        answer = {**near_event(chance), "content": chance.choice([blocks, anything(chance)])}
        try:
            made = translate(ask()).answer(answer)
        except Unreadable:
            continue
        assert bare(orjson.loads(orjson.dumps(made)))
        read += 1
    assert read > 20
