"""An answer on its way back, in the provider's format: what the policy finds replaced, then the request's values restored.

Both stand where a provider's bytes are read, so everything behind (translations, meters, stored contents) is as ever. What
is stored is taken between the two: it has what was found replaced, and placeholders in the place of values.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from dlp.policy import Direction
from dlp.walk import Shape
from orbit.lib.exchange import Answer, TooLarge
from proxy.formats.media import kind_of
from proxy.personal.inspection import Inspection
from proxy.personal.requests import SHAPES
from proxy.personal.streams import STREAMS
from proxy.personal.streams.base import Event, Stream
from proxy.personal.ways import Masking, Restoring, Way, read, without_logprobs, written
from proxy.sse import Decoder

STREAM, JSON = "text/event-stream", "application/json"
FORMAT = "format"
ENDS = (b"", b"[DONE]")  # what is no JSON and holds no text
AT_ONCE = 4_096  # bytes that are looked through in the event loop
AT_ONCE_RESTORED = 65_536
NEVER_AT_ONCE = -1  # where the model is asked, which blocks
WORKED = range(200, 300)
PROSE = frozenset({"text/plain", "text/srt", "text/vtt", "application/x-subrip"})  # JSON at times
WRITTEN = PROSE | {JSON, "text/json", ""}


def masked(inspection: Inspection, answer: Answer, spoken: str) -> Answer:
    """With what the policy finds in answers replaced."""
    if not inspection.policy.answers or answer.status not in WORKED:
        return answer
    way = Masking(inspection)
    made = _on(answer, spoken, way, inspection, NEVER_AT_ONCE if way.names else AT_ONCE)
    if made is None:
        inspection.miss(Direction.ANSWER, FORMAT)
        return answer
    return made


def restored(inspection: Inspection, answer: Answer, spoken: str) -> Answer:
    """With the request's values in the place of their placeholders."""
    values = inspection.placeholders.values
    if not values or answer.status not in WORKED:
        return answer
    way = Restoring(values, structured=inspection.structured, counted=inspection.policy.answers)
    return _on(answer, spoken, way, inspection, AT_ONCE_RESTORED) or answer


def masked_object(inspection: Inspection, answer: Mapping[str, Any], spoken: str) -> Mapping[str, Any]:
    """An answer that is read already, as `masked` would leave it."""
    if not inspection.policy.answers:
        return answer
    return _rewritten(dict(answer), spoken, Masking(inspection))


async def masked_later(inspection: Inspection, answer: Mapping[str, Any], spoken: str) -> Mapping[str, Any]:
    """The same beside the event loop, where the model may be asked, too."""
    threads = inspection.threads if inspection.wait is None else inspection.waiting
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(threads, masked_object, inspection, answer, spoken)


def _on(answer: Answer, spoken: str, way: Way, inspection: Inspection, at_once: int) -> Answer | None:
    """None for what has no texts that we know of."""
    kind = kind_of(answer.header("content-type") or "")
    if kind == STREAM:
        made = STREAMS.get(spoken)
        return None if made is None else Streaming(answer, Rewriter(made(way)), inspection, at_once)
    if kind not in WRITTEN and not kind.endswith("+json"):
        return None
    return Whole(answer, lambda content: _written_anew(content, kind, spoken, way), inspection, at_once)


class Rewriter:
    """Bytes of a stream in, bytes out, however they are cut."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.decoder = Decoder()
        self.over = False
        self.lock = threading.Lock()  # a thread may be at work yet when its waiter is gone

    @property
    def waiting(self) -> int:
        """Characters that are looked at together when they are complete."""
        return self.stream.way.waiting

    def feed(self, piece: bytes) -> bytes:
        """b"" for the end."""
        with self.lock:
            return b"" if self.over else self._fed(piece)

    def _fed(self, piece: bytes) -> bytes:
        out: list[bytes] = []
        stream = self.stream
        for raw, data in self.decoder.feed(piece) if piece else self.decoder.finish():
            out.append(self._event(raw, data))
            if stream.way.stopped:
                out += self._written(stream.stopped()), stream.end_mark
                self.over = True
                return b"".join(out)
        if not piece:
            out.append(self._written(stream.rest()))
            self.over = True
        return b"".join(out)

    def _event(self, raw: bytes, data: bytes | None) -> bytes:
        if data is None:
            return raw
        event = read(data)
        if event is None:
            return self._unread(raw, data)
        try:
            made = self.stream.changed(event)
            return raw if made is None else self._written(made)
        except (RecursionError, orjson.JSONEncodeError):  # nested deeper than we go
            return self._unread(raw, data)

    def _unread(self, raw: bytes, data: bytes) -> bytes:
        """The mark of the end, or what nobody can read."""
        rest = self._written(self.stream.rest())
        if data.strip() not in ENDS:
            self.stream.way.missed(FORMAT)
        return rest if self.stream.way.stopped else rest + raw

    def _written(self, events: list[Event]) -> bytes:
        return b"".join(self._one(event) for event in events)

    def _one(self, event: Event) -> bytes:
        data = b"data: " + written(event) + b"\n\n"
        return b"event: " + str(event.get("type")).encode() + b"\n" + data if self.stream.named else data


@dataclass
class Changed:
    answer: Answer
    status: int = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.answer.status

    def header(self, name: str) -> str | None:
        return self.answer.header(name)

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return self.answer.headers(names)


@dataclass
class Streaming(Changed):
    """A stream that is changed as it is read."""

    rewriter: Rewriter
    inspection: Inspection
    at_once: int

    async def read(self) -> bytes:
        while not self.rewriter.over:
            if out := await self._fed(await self.answer.read()):
                return out
        return b""

    async def hang_up(self) -> AsyncIterator[bytes]:
        async for piece in self.answer.hang_up():
            if out := await self._fed(piece):
                yield out

    async def _fed(self, piece: bytes) -> bytes:
        rewriter = self.rewriter
        if len(piece) + rewriter.waiting <= self.at_once and not rewriter.lock.locked():
            out = rewriter.feed(piece)
        else:
            out = await _beside(self.inspection, self.at_once, rewriter.feed, piece)
        if self.inspection.ahead is not None:
            self.inspection.ahead.waits(*rewriter.stream.way.news())
        return out


@dataclass
class Whole(Changed):
    """A plain answer, which is read to its end before anything of it goes on."""

    change: Callable[[bytes], bytes]
    inspection: Inspection
    at_once: int
    over: bool = False

    async def read(self) -> bytes:
        if self.over:
            return b""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.answer.read():
            size += len(piece)
            if size > self.inspection.most_bytes:
                raise TooLarge(f"over {self.inspection.most_bytes} bytes")
            pieces.append(piece)
        self.over = True
        content = b"".join(pieces)
        if len(content) <= self.at_once:
            return self.change(content)
        return await _beside(self.inspection, self.at_once, self.change, content)

    async def hang_up(self) -> AsyncIterator[bytes]:
        async for _ in self.answer.hang_up():
            yield b""  # half an answer is none


async def _beside(
    inspection: Inspection, at_once: int, work: Callable[[bytes], bytes], content: bytes
) -> bytes:
    threads = inspection.waiting if at_once == NEVER_AT_ONCE else inspection.threads
    return await asyncio.get_running_loop().run_in_executor(threads, work, content)


def _written_anew(content: bytes, kind: str, spoken: str, way: Way) -> bytes:
    found = read(content)
    if found is None:
        return _prose_anew(content, way) if kind in PROSE else _unread(content, spoken, way)
    try:
        made = _rewritten(found, spoken, way)
        return content if made is found else written(made)
    except (RecursionError, orjson.JSONEncodeError):  # nested deeper than we go
        return _unread(content, spoken, way)


def _prose_anew(content: bytes, way: Way) -> bytes:
    said = content.decode("utf-8", "replace")
    made = way.text(said, in_json=False)
    if way.stopped:
        return b""
    return content if made == said else made.encode("utf-8", "replace")


def _unread(content: bytes, spoken: str, way: Way) -> bytes:
    if content.strip():
        way.missed(FORMAT)
    return written(emptied({}, _shape(spoken))) if way.stopped else content


def _rewritten(found: dict[str, Any], spoken: str, way: Way) -> dict[str, Any]:
    shape = _shape(spoken)
    made: dict[str, Any] = way.whole(found, shape)
    if way.hides:
        made = without_logprobs(made)
        if made.get("text") != found.get("text"):
            made = _told_once(made)
    return emptied(made, shape) if way.stopped else made


def _shape(spoken: str) -> Shape:
    return SHAPES.get(spoken, Shape.EMBEDDINGS)


def _told_once(transcript: dict[str, Any]) -> dict[str, Any]:
    """Without what else tells the text of a transcript as it was: word by word, in tokens, or in segments between which a
    value was divided."""
    made = {**transcript, "words": []} if transcript.get("words") else transcript
    segments = made.get("segments")
    if not isinstance(segments, list) or not all(isinstance(one, dict) for one in segments):
        return made
    if "".join(str(one.get("text")) for one in segments).split() != str(made.get("text")).split():
        return {**made, "segments": []}
    return {**made, "segments": [{**one, "tokens": []} if "tokens" in one else one for one in segments]}


def emptied(answer: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """An answer that ends before its first word, for the reason that its format has for that."""
    if shape is Shape.MESSAGES:
        return {**answer, "content": [], "stop_reason": "refusal", "stop_sequence": None}
    if shape is Shape.RESPONSES:
        reason = {"reason": "content_filter"}
        return {
            **answer,
            "output": [],
            "output_text": "",
            "status": "incomplete",
            "incomplete_details": reason,
        }
    if not isinstance(answer.get("choices"), list):
        return {**answer, "text": ""}
    inner: dict[str, Any] = (
        {"text": ""} if shape is Shape.EMBEDDINGS else {"message": {"role": "assistant", "content": ""}}
    )
    choices = [one for one in answer["choices"] if isinstance(one, dict)]
    return {
        **answer,
        "choices": [
            {"index": one.get("index", 0), **inner, "logprobs": None, "finish_reason": "content_filter"}
            for one in choices
        ],
    }
