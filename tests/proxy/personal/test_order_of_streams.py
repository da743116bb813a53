"""What waits to be inspected goes on in the order in which it was written."""

from __future__ import annotations

from typing import Any

import pytest

from dlp.placeholders import Placeholders
from proxy.personal.ways import Restoring
from tests.proxy.personal.streams import Event, read, text_of, through, written
from tests.proxy.personal.test_inspected_streams import way

MAIL = "anna.smith@example.org"


def chunk(finish: str | None = None, **delta: Any) -> Event:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(number: int, arguments: str) -> Event:
    return chunk(tool_calls=[{"index": number, "function": {"arguments": arguments}}])


def kinds(out: list[Event]) -> list[tuple[str, Any]]:
    """What came, in its order: each text or call once, with all that came of it together."""
    found: list[tuple[str, Any]] = []
    for event in out:
        for name, value in event["choices"][0]["delta"].items():
            if isinstance(value, list):
                found += [(f"call {one['index']}", one["function"]["arguments"]) for one in value]
            elif value:
                found.append((name, value))
        found += [("end", one["finish_reason"]) for one in event["choices"] if one.get("finish_reason")]
    return [one for one in found if one[1]]


@pytest.mark.parametrize("last", [{"content": f" {MAIL}."}, {"content": "."}])
def test_text_that_comes_with_the_end_stands_behind_what_waited(last: dict[str, str]) -> None:
    stream = written("chat/completions", [chunk(content="word " * 60), chunk("stop", **last)])
    out = read(through(way(), "chat/completions", [stream]))
    assert text_of(out) == "word " * 60 + last["content"].replace(MAIL, "[EMAIL_ADDRESS]")
    assert [one["choices"][0]["finish_reason"] for one in out][-1] == "stop"
    assert sum(one["choices"][0]["finish_reason"] is not None for one in out) == 1


def test_restored_text_that_comes_with_the_end_stands_behind_what_waited() -> None:
    made = Placeholders(b"c" * 32)
    core = made.standing_for("EMAIL_ADDRESS", MAIL)
    stream = written("chat/completions", [chunk(content=f"to {core[:9]}"), chunk("stop", content=core[9:-2])])
    out = read(through(Restoring(made.values), "chat/completions", [stream]))
    assert text_of(out) == f"to {core[:-2]}"


def test_old_completion_keeps_its_order() -> None:
    said = [{"choices": [{"index": 0, "text": "word " * 60}]}, {"choices": [{"index": 0, "text": "end", "finish_reason": "stop"}]}]  # fmt: skip
    out = read(through(way(), "completions", [written("completions", said)]))
    assert text_of(out) == "word " * 60 + "end"
    assert out[-1]["choices"][0]["finish_reason"] == "stop"


def test_reasoning_text_and_calls_keep_their_order() -> None:
    stream = written(
        "chat/completions",
        [
            chunk(reasoning_content="I think."),
            chunk(content=f"Write to {MAIL}"),
            call(0, '{"a":'),
            call(0, "1}"),
            call(1, f'{{"to":"{MAIL}"}}'),
            chunk("tool_calls"),
        ],
    )
    out = read(through(way(), "chat/completions", [stream]))
    assert kinds(out) == [
        ("reasoning_content", "I think."),
        ("content", "Write to [EMAIL_ADDRESS]"),
        ("call 0", '{"a":1}'),
        ("call 1", '{"to":"[EMAIL_ADDRESS]"}'),
        ("end", "tool_calls"),
    ]


def test_thinking_in_parts_and_in_details_is_inspected_and_keeps_its_order() -> None:
    def thought(text: str) -> Event:
        return chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": text}]}])

    def detail(text: str) -> Event:
        return chunk(reasoning_details=[{"type": "reasoning.text", "index": 0, "text": text}])

    said = [thought("for anna.smith"), thought("@example.org"), detail("of anna.smith"), detail("@example.org"), chunk(content="Hi"), chunk("stop")]  # fmt: skip
    out = read(through(way(), "chat/completions", [written("chat/completions", said)]))
    deltas = [str(event["choices"][0]["delta"]) for event in out]
    found = [next(at for at, one in enumerate(deltas) if text in one) for text in ("for [EMAIL_ADDRESS]", "of [EMAIL_ADDRESS]", "Hi")]  # fmt: skip
    assert found == sorted(found)
    assert MAIL not in str(deltas)


@pytest.mark.parametrize("more", [{"action": "log"}, {"shadow": True}, {"action": "mask"}])
def test_finding_that_began_in_what_is_passed_on_is_sent_once(more: dict[str, Any]) -> None:
    claims = "".join(f"{n:03}abCD" for n in range(30))
    token = f"eyJhbGciOiJIUzI1NiJ9.eyJ{claims[:170]}.{claims[:40]}"
    action, shadow = more.pop("action", "block"), bool(more)
    made = way(types=["SECRET"], action=action, shadow=shadow)
    said = f"It is {token} and so on. " + "word " * 60
    stream = written("chat/completions", [*(chunk(content=said[at : at + 4]) for at in range(0, len(said), 4)), chunk("stop")])  # fmt: skip
    out = text_of(read(through(made, "chat/completions", [stream])))
    if action != "mask":
        assert out == said
    else:
        assert out.count("word ") == 60
    assert sum(one["count"] for one in made.inspection.told()["findings"]) == 1


LONG = "word " * 60


@pytest.mark.parametrize("thinks", ["reasoning_content", "reasoning"])
def test_what_was_thought_and_said_in_one_chunk_keeps_its_order(thinks: str) -> None:
    said = [
        chunk(**{thinks: LONG}),
        chunk(content=f"{LONG}Write to {MAIL}", **{thinks: f"It is {MAIL}"}),
        chunk(content=" soon.", tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]),
        chunk("stop"),
    ]
    out = read(through(way(), "chat/completions", [written("chat/completions", said)]))
    assert together(kinds(out)) == [
        (thinks, f"{LONG}It is [EMAIL_ADDRESS]"),
        ("content", f"{LONG}Write to [EMAIL_ADDRESS] soon."),
        ("call 0", "{}"),
        ("end", "stop"),
    ]


def test_restored_values_thought_and_said_in_one_chunk_keep_their_order() -> None:
    made = Placeholders(b"c" * 32)
    core = made.standing_for("EMAIL_ADDRESS", MAIL)
    said = [chunk(content="So: ", reasoning_content=f"for {core[:9]}"), chunk("stop", content=core)]
    out = read(through(Restoring(made.values), "chat/completions", [written("chat/completions", said)]))
    assert together(kinds(out)) == [
        ("reasoning_content", f"for {core[:9]}"),
        ("content", f"So: {MAIL}"),
        ("end", "stop"),
    ]


def test_thinking_beside_text_in_one_list_of_parts_goes_first() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": f"of {MAIL}"}]},
        {"type": "text", "text": LONG},
    ]
    said = [chunk(content=parts), chunk("stop")]
    out = str(read(through(way(), "chat/completions", [written("chat/completions", said)])))
    assert MAIL not in out
    assert out.index("of [EMAIL_ADDRESS]") < out.index("word")


def together(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []
    for name, value in found:
        if made and made[-1][0] == name:
            value = made.pop()[1] + value
        made.append((name, value))
    return made
