"""Speech to text, in the same language or in English."""

import asyncio
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from . import tokens
from .behaviour import strip_directives
from .desk import Desk, Work
from .exchange import Exchange
from .multipart import read_form
from .steps import Event, Step, StepStream
from .transcripts_request import TranscriptRequest, read_transcript_request
from .usage import input_output_usage, usage_of

_TOKENS_PER_SEGMENT = 12


@dataclass(frozen=True, slots=True)
class Transcript:
    exchange: Exchange
    request: TranscriptRequest
    pieces: list[str]
    reports_usage: bool

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def segments(self) -> Iterator[tuple[float, float, list[str]]]:
        """Start, end and tokens, spread evenly over the recording."""
        per_token = self.request.seconds / max(1, len(self.pieces))
        for start in range(0, len(self.pieces), _TOKENS_PER_SEGMENT):
            part = self.pieces[start : start + _TOKENS_PER_SEGMENT]
            yield start * per_token, (start + len(part)) * per_token, part

    def usage(self) -> dict[str, Any]:
        """As a part of the answer: empty if there is none."""
        record, kind = self.exchange.record, self.exchange.behaviour.usage
        found = self._seconds(kind) if self.request.by_seconds else self._tokens(kind)
        if not self.reports_usage or (found is None and kind != "null"):
            return {}
        record.reported_usage.append(found)
        return {"usage": found}

    def _seconds(self, kind: str) -> dict[str, Any] | None:
        charged = self.exchange.record.units["seconds"]
        usage = usage_of(kind, prompt=0, cached=0, completion=charged, reasoning=0)
        return usage and {"type": "duration", "seconds": usage["completion_tokens"]}

    def _tokens(self, kind: str) -> dict[str, Any] | None:
        record = self.exchange.record
        made = record.completion_tokens // 2 if kind == "decreasing" else record.completion_tokens
        usage = input_output_usage(kind, record.prompt_tokens, made)
        heard = record.units.get("audio_input_tokens", 0)
        details = {"audio_tokens": heard, "text_tokens": record.prompt_tokens - heard}
        return usage and {"type": "tokens", "input_token_details": details} | usage


class Transcripts:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def transcribe(self, exchange: Exchange) -> Work:
        return self._serve(exchange, translate=False)

    def translate(self, exchange: Exchange) -> Work:
        return self._serve(exchange, translate=True)

    def _serve(self, exchange: Exchange, *, translate: bool) -> Work:
        form = read_form(exchange.request)
        self._desk.remember_form(exchange, form)
        if refused := self._desk.refusal(exchange, form.fields, str(form.fields.get("prompt") or "")):
            return refused
        request, record = read_transcript_request(form, translate=translate), exchange.record
        record.model, record.stream = request.model, request.stream
        _book(exchange, request)
        record.work_began = True
        transcript = Transcript(exchange, request, self._pieces(exchange, request), not translate)
        return _stream(transcript) if request.stream else _answer(transcript)

    def _pieces(self, exchange: Exchange, request: TranscriptRequest) -> list[str]:
        behaviour, seed = exchange.behaviour, zlib.crc32(request.content)
        if behaviour.echo:
            return tokens.pieces(strip_directives(request.prompt))
        if behaviour.tokens is not None:
            return self._desk.prose.exactly(behaviour.tokens, seed)
        return self._desk.prose.answer(seed)


def _book(exchange: Exchange, request: TranscriptRequest) -> None:
    record, asked = exchange.record, exchange.behaviour.prompt_tokens
    if request.by_seconds:
        record.units["seconds"] = math.ceil(request.seconds)
        return
    counted = request.audio_tokens + request.text_tokens
    record.prompt_tokens = counted if asked is None else asked
    record.units["audio_input_tokens"] = min(request.audio_tokens, record.prompt_tokens)


async def _answer(transcript: Transcript) -> None:
    exchange = transcript.exchange

    def made(count: int) -> None:
        exchange.record.completion_tokens = 0 if transcript.request.by_seconds else count

    total = len(transcript.pieces)
    await asyncio.sleep(exchange.pace.first_s)
    await exchange.work_unseen(total, total * exchange.pace.per_token_s, made)
    body, content_type = _body(transcript)
    await exchange.answer(body, content_type=content_type)


def _body(transcript: Transcript) -> tuple[bytes, str]:
    match transcript.request.form:
        case "json":
            body = {"text": transcript.text} | transcript.usage()
            return orjson.dumps(body), "application/json"
        case "verbose_json":
            return orjson.dumps(_verbose(transcript)), "application/json"
        case "text":
            text = transcript.text + "\n"
        case "srt":
            text = "".join(
                f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_line(part)}\n\n"
                for number, (start, end, part) in enumerate(transcript.segments(), start=1)
            )
        case _:
            text = "WEBVTT\n\n" + "".join(
                f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_line(part)}\n\n"
                for start, end, part in transcript.segments()
            )
    return text.encode(), "text/plain; charset=utf-8"


def _verbose(transcript: Transcript) -> dict[str, Any]:
    request = transcript.request
    body: dict[str, Any] = {
        "task": "transcribe" if transcript.reports_usage else "translate",
        "language": request.language,
        "duration": request.seconds,
        "text": transcript.text,
        "segments": [
            _segment(number, start, end, part)
            for number, (start, end, part) in enumerate(transcript.segments())
        ],
    }
    if request.with_words:
        per_token = request.seconds / max(1, len(transcript.pieces))
        body["words"] = [
            {"word": piece.strip(), "start": number * per_token, "end": (number + 1) * per_token}
            for number, piece in enumerate(transcript.pieces)
            if piece.strip().isalnum()
        ]
    return body | transcript.usage()


def _segment(number: int, start: float, end: float, part: list[str]) -> dict[str, Any]:
    return {
        "id": number,
        "seek": 0,
        "start": start,
        "end": end,
        "text": "".join(part),
        "tokens": [zlib.crc32(piece.encode()) % 50_000 for piece in part],
        "temperature": 0.0,
        "avg_logprob": -0.2,
        "compression_ratio": 1.3,
        "no_speech_prob": 0.01,
    }


def _clock(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{thousandths:03d}"


def _line(part: list[str]) -> str:
    return " ".join("".join(part).split())


async def _stream(transcript: Transcript) -> None:
    exchange = transcript.exchange
    stream = StepStream(exchange, lambda: [exchange.error_event()])
    await stream.begin()
    await stream.play(_steps(transcript))
    await stream.pause()
    done = _event("done", {"text": transcript.text} | transcript.usage())
    twice = exchange.behaviour.usage == "twice"
    await stream.end([done] * (2 if twice else 1), extra=[_event("delta", {"delta": " and more"})])


def _steps(transcript: Transcript) -> Iterator[Step]:
    together = transcript.exchange.behaviour.tokens_per_chunk
    for start in range(0, len(transcript.pieces), together):
        part = transcript.pieces[start : start + together]
        yield Step([_event("delta", {"delta": "".join(part)})], tokens=len(part), is_content=True)


def _event(kind: str, fields: dict[str, Any]) -> Event:
    return b"", orjson.dumps({"type": f"transcript.text.{kind}"} | fields)
