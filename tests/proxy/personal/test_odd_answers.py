"""What only lenient readers take, or what comes under another name, is inspected as well, or ends where the policy refuses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from proxy.personal import answers
from tests.proxy.personal.streams import read, reasons, through
from tests.proxy.personal.test_inspected_streams import way

MAIL = "anna.smith@example.org"


class Given:
    """A provider's answer."""

    status = 200

    def __init__(self, content: bytes, kind: str | None) -> None:
        self._pieces = [content, b""]
        self._kind = kind

    def header(self, name: str) -> str | None:
        return self._kind if name == "content-type" else None

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return {}

    async def read(self) -> bytes:
        return self._pieces.pop(0)

    async def hang_up(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def inspected(content: bytes, kind: str | None, spoken: str, **more: Any) -> tuple[bytes, dict[str, Any]]:
    inspection = way(**more).inspection
    made = answers.masked(inspection, Given(content, kind), spoken)
    return asyncio.run(made.read()), inspection.told()


def chunk(inner: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"}%s}]}\n\n' % (
        f"to {MAIL} ".encode(),
        inner.encode(),
    )


ODD = {
    "half a pair": chunk("").replace(b' "}', rb' \ud83d"}'),
    "not a number": chunk(',"score":NaN'),
    "infinity": chunk(',"score":-Infinity'),
    "line end": chunk("").replace(b"to ", b"to\t"),
    "no UTF-8": chunk("").replace(b"to ", b"\xff "),
}


@pytest.mark.parametrize("name", ODD)
def test_event_that_only_lenient_readers_take_is_inspected(name: str) -> None:
    made = way()
    out = through(made, "chat/completions", [ODD[name], b"data: [DONE]\n\n"])
    assert MAIL.encode() not in out
    assert b"[EMAIL_ADDRESS]" in out
    assert b"[EMAIL_ADDRESS]" not in ODD[name]
    (first, *_) = out.split(b"\n\n")
    assert json.loads(first.removeprefix(b"data: "))
    assert "uninspected" not in made.inspection.told()


@pytest.mark.parametrize("data", [b'{"choices": ', b'["%s"]' % MAIL.encode(), b"[" * 2_000 + b"]" * 2_000])
def test_event_that_nobody_can_read_ends_the_answer_where_the_policy_refuses(data: bytes) -> None:
    stream = b"data: " + data + b"\n\n" + chunk("")
    strict, mild = way(), way(when_uninspected="pass")
    out = through(strict, "chat/completions", [stream])
    assert data not in out
    assert MAIL.encode() not in out
    assert reasons(read(out)) == ["content_filter"]
    assert through(mild, "chat/completions", [stream]).startswith(b"data: " + data + b"\n\n")
    for one in (strict, mild):
        assert one.inspection.told()["uninspected"] == [{"direction": "answer", "reason": "format"}]


@pytest.mark.parametrize("kind", [None, "text/plain; charset=utf-8", "application/vnd.x+json"])
def test_json_under_another_type_is_inspected(kind: str | None) -> None:
    answer = {"choices": [{"index": 0, "message": {"content": MAIL}}]}
    made, told = inspected(json.dumps(answer).encode(), kind, "chat/completions")
    assert json.loads(made)["choices"][0]["message"]["content"] == "[EMAIL_ADDRESS]"
    assert "uninspected" not in told


def test_plain_text_is_inspected() -> None:
    made, _ = inspected(f"1\n00:00 --> 00:02\nI am {MAIL}".encode(), "text/srt", "audio/transcriptions")
    assert made == b"1\n00:00 --> 00:02\nI am [EMAIL_ADDRESS]"
    made, _ = inspected(MAIL.encode(), "text/plain", "audio/transcriptions", action="block")
    assert made == b""


def test_whole_answer_that_nobody_can_read_is_emptied_where_the_policy_refuses() -> None:
    content = b'{"choices": [{"message": "%s"' % MAIL.encode()
    made, told = inspected(content, "application/json", "chat/completions")
    assert MAIL.encode() not in made
    assert told["uninspected"] == [{"direction": "answer", "reason": "format"}]
    assert inspected(content, "application/json", "chat/completions", when_uninspected="pass")[0] == content


def test_transcript_tells_nothing_twice() -> None:
    said = {
        "text": f"I am {MAIL} now",
        "duration": 2,
        "segments": [
            {"id": 0, "text": f"I am {MAIL}", "tokens": [1, 2]},
            {"id": 1, "text": " now", "tokens": [3]},
        ],
        "words": [{"word": "I"}, {"word": MAIL}],
    }
    made = json.loads(inspected(json.dumps(said).encode(), "application/json", "audio/transcriptions")[0])
    assert made["text"] == "I am [EMAIL_ADDRESS] now"
    assert [one["text"] for one in made["segments"]] == ["I am [EMAIL_ADDRESS]", " now"]
    assert [one["tokens"] for one in made["segments"]] == [[], []]
    assert made["words"] == []
    divided = {**said, "segments": [{"text": "I am anna.smith@"}, {"text": "example.org now"}]}
    made = json.loads(inspected(json.dumps(divided).encode(), "application/json", "audio/transcriptions")[0])
    assert made["segments"] == []


def test_words_of_pictures_and_items_that_were_given_are_inspected() -> None:
    picture = {"data": [{"b64_json": "QUJD", "revised_prompt": f"A letter to {MAIL}"}]}
    made, _ = inspected(json.dumps(picture).encode(), "application/json", "images/generations")
    assert json.loads(made)["data"][0]["revised_prompt"] == "A letter to [EMAIL_ADDRESS]"
    items = {"object": "list", "data": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": MAIL}]}]}  # fmt: skip
    made, _ = inspected(json.dumps(items).encode(), "application/json", "responses")
    assert json.loads(made)["data"][0]["content"][0]["text"] == "[EMAIL_ADDRESS]"


def test_long_arguments_are_looked_at_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    inspection = way().inspection
    looked_in: set[int] = set()
    look = inspection.look

    def noted(*asked: Any) -> Any:
        looked_in.add(threading.get_ident())
        return look(*asked)

    monkeypatch.setattr(inspection, "look", noted)
    text = json.dumps({"note": "word " * 1_000 + MAIL})
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": text[at : at + 500]}}]}}]} for at in range(0, len(text), 500)]  # fmt: skip
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    given = Given(b"", "text/event-stream")
    given._pieces = [*(b"data: " + json.dumps(one).encode() + b"\n\n" for one in [*events, end]), b""]

    async def read_all() -> bytes:
        made = answers.masked(inspection, given, "chat/completions")
        pieces = []
        while piece := await made.read():
            pieces.append(piece)
        later = await answers.masked_later(
            inspection, {"choices": [{"message": {"content": f"of {MAIL}"}}]}, "chat/completions"
        )
        return b"".join([*pieces, json.dumps(later).encode()])

    assert MAIL.encode() not in asyncio.run(read_all())
    assert looked_in
    assert threading.get_ident() not in looked_in
