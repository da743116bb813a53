"""Text to speech: sound streamed as it is made, as bytes or in events."""

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from . import tokens
from .catalogue import Model
from .chat_request import read_model, refuse_unknown
from .desk import Desk, Work
from .exchange import Exchange
from .refusals import bad_request
from .sounds import CONTENT_TYPES, TOKENS_PER_SECOND, opening, sound_of
from .steps import RawStream, Step, StepStream
from .usage import input_output_usage

_FIELDS = frozenset({"input", "instructions", "model", "response_format", "speed", "stream_format", "voice"})
_LONGEST = 4_096
_CHARACTERS_PER_SECOND = 15


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    model: Model
    text: str
    instructions: str
    form: str
    in_events: bool
    speed: float

    @property
    def by_characters(self) -> bool:
        return "characters" in self.model.unit_nano

    @property
    def sound_tokens(self) -> int:
        return math.ceil(len(self.text) / _CHARACTERS_PER_SECOND * TOKENS_PER_SECOND / self.speed)


class Speech:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def create(self, exchange: Exchange) -> Work:
        fields = self._desk.read_json(exchange)
        if refused := self._desk.refusal(exchange, fields, str(fields.get("input") or "")):
            return refused
        request, record, behaviour = _read(fields), exchange.record, exchange.behaviour
        record.model, record.stream = request.model, True
        if request.by_characters:
            record.units["characters"] = len(request.text)
        else:
            counted = tokens.count(request.text) + tokens.count(request.instructions)
            record.prompt_tokens = counted if behaviour.prompt_tokens is None else behaviour.prompt_tokens
        record.work_began = True
        length = request.sound_tokens if behaviour.tokens is None else behaviour.tokens
        return (
            _in_events(exchange, request, length)
            if request.in_events
            else _as_bytes(exchange, request, length)
        )


def _read(fields: dict[str, Any]) -> SpeechRequest:
    refuse_unknown(fields, _FIELDS)
    model = read_model(fields, "speech")
    text = fields.get("input")
    if not isinstance(text, str) or not text:
        raise bad_request(
            "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
        )
    if len(text) > _LONGEST:
        message = f"Invalid 'input': string too long. Expected a string with maximum length {_LONGEST}."
        raise bad_request(message, param="input", code="string_above_max_length")
    if not isinstance(fields.get("voice"), str | dict):
        raise bad_request(
            "Missing required parameter: 'voice'.", param="voice", code="missing_required_parameter"
        )
    form = fields.get("response_format") or "mp3"
    if form not in CONTENT_TYPES:
        message = f"The demo provider makes only {', '.join(CONTENT_TYPES)}."
        raise bad_request(message, param="response_format", code="invalid_value")
    in_events = fields.get("stream_format") == "sse"
    if in_events and "characters" in model.unit_nano:
        message = f"'sse' is not supported for {model.id}."
        raise bad_request(message, param="stream_format", code="invalid_value")
    return SpeechRequest(model, text, str(fields.get("instructions") or ""), form, in_events, _speed(fields))


def _speed(fields: dict[str, Any]) -> float:
    speed = fields.get("speed")
    if speed is None:
        return 1.0
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.25 <= speed <= 4:
        raise bad_request("Invalid 'speed': expected a number from 0.25 to 4.", param="speed")
    return float(speed)


async def _as_bytes(exchange: Exchange, request: SpeechRequest, length: int) -> None:
    stream = RawStream(exchange)
    await stream.begin(CONTENT_TYPES[request.form])
    stream.add([(b"", opening(request.form, length))])
    await stream.play(
        Step([(b"", sound)], tokens=0 if request.by_characters else count, is_content=True)
        for sound, count in _sounds(exchange, request, length)
    )
    await stream.end([])


async def _in_events(exchange: Exchange, request: SpeechRequest, length: int) -> None:
    stream = StepStream(exchange, lambda: [exchange.error_event()])
    await stream.begin()
    first = opening(request.form, length)
    await stream.play(_delta_steps(exchange, request, length, first))
    await stream.pause()
    record, kind = exchange.record, exchange.behaviour.usage
    made = record.completion_tokens // 2 if kind == "decreasing" else record.completion_tokens
    usage = input_output_usage(kind, record.prompt_tokens, made)
    done: dict[str, Any] = {"type": "speech.audio.done"}
    if usage or kind == "null":
        done["usage"] = usage
        record.reported_usage.append(usage)
    event = (b"", orjson.dumps(done))
    late = (b"", orjson.dumps({"type": "speech.audio.delta", "audio": ""}))
    await stream.end([event] * (2 if kind == "twice" else 1), extra=[late])


def _delta_steps(exchange: Exchange, request: SpeechRequest, length: int, first: bytes) -> Iterator[Step]:
    for sound, count in _sounds(exchange, request, length):
        delta = {"type": "speech.audio.delta", "audio": base64.b64encode(first + sound).decode()}
        first = b""
        yield Step([(b"", orjson.dumps(delta))], tokens=count, is_content=True)


def _sounds(exchange: Exchange, request: SpeechRequest, length: int) -> Iterator[tuple[bytes, int]]:
    together = exchange.behaviour.tokens_per_chunk
    for start in range(0, length, together):
        numbers = range(start, min(start + together, length))
        yield b"".join(sound_of(request.form, number) for number in numbers), len(numbers)
