"""Images: generated, edited and varied; those of the GPT family are charged by tokens, the older ones each."""

import asyncio
import base64
import time
import zlib
from collections.abc import Iterator
from typing import Any

import orjson

from .desk import Desk, Work
from .exchange import Exchange
from .images_request import ImageRequest, read_image_request
from .multipart import read_form
from .pictures import png
from .refusals import bad_request
from .steps import Event, Step, StepStream
from .usage import input_output_usage

# A picture's tokens come faster than words.
_PACE = 1 / 16


class Images:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def generate(self, exchange: Exchange) -> Work:
        fields = self._desk.read_json(exchange)
        if refused := self._desk.refusal(exchange, fields, str(fields.get("prompt") or "")):
            return refused
        return _serve(exchange, read_image_request(fields), "image_generation")

    def edit(self, exchange: Exchange) -> Work:
        return self._from_form(exchange, needs_prompt=True)

    def vary(self, exchange: Exchange) -> Work:
        return self._from_form(exchange, needs_prompt=False)

    def _from_form(self, exchange: Exchange, *, needs_prompt: bool) -> Work:
        form = read_form(exchange.request)
        self._desk.remember_form(exchange, form)
        if refused := self._desk.refusal(exchange, form.fields, str(form.fields.get("prompt") or "")):
            return refused
        form.file("image")
        request = read_image_request(
            form.fields, input_images=len(form.files["image"]), needs_prompt=needs_prompt
        )
        if not needs_prompt and request.model.id != "dall-e-2":
            raise bad_request("Only dall-e-2 makes variations.", param="model", code="invalid_value")
        return _serve(exchange, request, "image_edit")


def _serve(exchange: Exchange, request: ImageRequest, kind: str) -> Work:
    record, asked = exchange.record, exchange.behaviour.prompt_tokens
    record.model, record.choices, record.stream = request.model, request.count, request.stream
    record.units |= request.units
    if request.is_gpt:
        counted = request.text_tokens + request.image_tokens
        record.prompt_tokens = counted if asked is None else asked
        if pictured := min(request.image_tokens, record.prompt_tokens):
            record.units["image_input_tokens"] = pictured
    if request.stream and (not request.is_gpt or request.count > 1):
        raise bad_request("Only one image can be streamed.", param="stream")
    record.work_began = True
    if request.stream:
        return _stream(exchange, request, kind)
    if exchange.can_answer_at_once:
        record.completion_tokens = _tokens(exchange, request)
        exchange.answer_at_once(200, _body(exchange, request))
        return None
    return _answer_slowly(exchange, request)


def _tokens(exchange: Exchange, request: ImageRequest) -> int:
    asked = exchange.behaviour.tokens if request.is_gpt else None
    return request.count * (request.tokens_per_image if asked is None else asked)


async def _answer_slowly(exchange: Exchange, request: ImageRequest) -> None:
    def made(count: int) -> None:
        exchange.record.completion_tokens = count

    total = _tokens(exchange, request)
    await asyncio.sleep(exchange.pace.first_s)
    await exchange.work_unseen(total, total * _PACE * exchange.pace.per_token_s, made)
    await exchange.answer(_body(exchange, request))


def _body(exchange: Exchange, request: ImageRequest) -> bytes:
    body: dict[str, Any] = {
        "created": int(time.time()),
        "data": [_image(exchange, request, number) for number in range(request.count)],
    }
    if request.is_gpt:
        body |= _look(request)
        usage = _usage(exchange, detailed=True)
        if usage or exchange.behaviour.usage == "null":
            body["usage"] = usage
            exchange.record.reported_usage.append(usage)
    return orjson.dumps(body)


def _image(exchange: Exchange, request: ImageRequest, number: int) -> dict[str, Any]:
    image: dict[str, Any] = {"b64_json": _picture(request, number)}
    if request.as_url:
        # Nobody serves it: the name cannot exist.
        image = {"url": f"https://images.demo.invalid/{exchange.record.id}-{number}.png"}
    if request.model.id == "dall-e-3":
        image["revised_prompt"] = request.prompt
    return image


def _picture(request: ImageRequest, number: int) -> str:
    width, height = request.width_and_height
    return base64.b64encode(png(width, height, zlib.crc32(request.prompt.encode()) + number)).decode()


def _look(request: ImageRequest) -> dict[str, Any]:
    return {
        "background": request.background,
        "output_format": "png",
        "quality": request.quality,
        "size": request.size,
    }


def _usage(exchange: Exchange, *, detailed: bool, halved: bool = False) -> dict[str, Any] | None:
    record = exchange.record
    made = record.completion_tokens // 2 if halved else record.completion_tokens
    usage = input_output_usage(exchange.behaviour.usage, record.prompt_tokens, made)
    if usage is None:
        return None
    pictured = record.units.get("image_input_tokens", 0)
    usage["input_tokens_details"] = {
        "text_tokens": record.prompt_tokens - pictured,
        "image_tokens": pictured,
    }
    if detailed:
        usage["output_tokens_details"] = {"image_tokens": made, "text_tokens": 0}
    return usage


async def _stream(exchange: Exchange, request: ImageRequest, kind: str) -> None:
    stream = StepStream(exchange, lambda: [exchange.error_event()])
    await stream.begin()
    await stream.play(_steps(exchange, request, kind))
    await stream.pause()
    usage = _usage(exchange, detailed=False, halved=exchange.behaviour.usage == "decreasing")
    reported: dict[str, Any] = {}
    if usage or exchange.behaviour.usage == "null":
        reported["usage"] = usage
        exchange.record.reported_usage.append(usage)
    completed = _event(f"{kind}.completed", request, 0, reported)
    late = _event(f"{kind}.partial_image", request, 9, {"partial_image_index": 9})
    await stream.end([completed] * (2 if exchange.behaviour.usage == "twice" else 1), extra=[late])


def _steps(exchange: Exchange, request: ImageRequest, kind: str) -> Iterator[Step]:
    """Each partial picture takes its part of the work, and some tokens of its own."""
    total, partials = _tokens(exchange, request), request.partial_images
    share = total // (partials + 1)
    for index in range(partials):
        yield Step(unseen=share, unseen_pace=_PACE)
        event = _event(f"{kind}.partial_image", request, index + 1, {"partial_image_index": index})
        yield Step([event], tokens=request.tokens_per_partial, is_content=True)
    yield Step(unseen=total - share * partials, unseen_pace=_PACE)


def _event(name: str, request: ImageRequest, number: int, more: dict[str, Any]) -> Event:
    look = _look(request)
    payload = {"type": name, "created_at": int(time.time()), "b64_json": _picture(request, number)}
    return name.encode(), orjson.dumps(payload | look | more)
