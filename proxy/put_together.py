"""A stream that was kept as it came, as the one answer that it amounts to."""

from __future__ import annotations

from typing import Any

from proxy.formats.base import Format, Progress, Unreadable, parsed_object
from proxy.formats.media import kind_of
from proxy.output import Output
from proxy.providers import PROVIDERS
from proxy.sse import Decoder, Event, TooLong

STREAM = "text/event-stream"


def answer_in(content: bytes, content_type: str, spoken: str) -> dict[str, Any] | None:
    """The answer; None for what is no stream of events, or one that nobody can put together.

    `spoken` is `KIND/ENDPOINT`. A stream that was cut gives what came until then.
    """
    if kind_of(content_type) != STREAM:
        return None
    kind, _, endpoint = spoken.partition("/")
    provider = PROVIDERS.get(kind)
    heard = provider.formats.get(endpoint) if provider is not None else None
    if heard is None:
        return None
    decoder = Decoder()
    try:
        events = [*decoder.feed(content), *decoder.finish()]
        return _assembled(heard, events) or _last_response(events) or _texts(events)
    except (Unreadable, TooLong):
        return None


def _assembled(heard: Format, events: list[Event]) -> dict[str, Any] | None:
    assembly = heard.assembly()
    if assembly is None:
        return None
    progress = Progress(Output("", None))
    for raw, data in events:
        heard.on_event(raw, data, progress, True)
        if progress.chunk is not None:
            assembly.add(progress.chunk)
        if progress.done or progress.failed:
            break
    usage = progress.usage.raw if progress.usage is not None else None
    return None if assembly.empty else assembly.answer(usage)


def _last_response(events: list[Event]) -> dict[str, Any] | None:
    """Responses come whole with their last event; of one that was cut, its texts so far."""
    found = None
    for _, data in events:
        chunk = parsed_object(data) or {}
        response = chunk.get("response")
        if isinstance(response, dict) and response.get("status") not in (None, "queued", "in_progress"):
            found = response
    return found


def _texts(events: list[Event]) -> dict[str, Any] | None:
    """Of other formats: the texts of their choices and deltas, in order."""
    parts: dict[str, list[str]] = {}
    for _, data in events:
        chunk = parsed_object(data) or {}
        if isinstance(delta := chunk.get("delta"), str):
            parts.setdefault(f"{chunk.get('output_index', 0)}", []).append(delta)
        choices = chunk.get("choices")
        for one in choices if isinstance(choices, list) else ():
            if isinstance(one, dict) and isinstance(one.get("text"), str):
                parts.setdefault(f"{one.get('index', 0)}", []).append(one["text"])
    return {"texts": ["".join(one) for one in parts.values()]} if parts else None
