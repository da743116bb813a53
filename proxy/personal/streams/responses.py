"""Events of OpenAI's Responses. Each is numbered, and what was written comes again whole with the end of its part."""

from __future__ import annotations

from functools import partial
from typing import Any

from dlp.walk import Shape
from proxy.personal.streams.base import Event, Name, Stream
from proxy.personal.ways import without_logprobs

PLACES = ("item_id", "output_index", "content_index", "summary_index", "command_index")
WHOLE = ("text", "refusal", "arguments", "input", "code", "transcript", "command", "diff")
ENDS = ("response.completed", "response.incomplete", "response.failed")
NUMBER = "sequence_number"


class ResponsesTexts(Stream):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._more = 0  # events of ours so far
        self._next = 0
        self._response: Event = {}

    def changed(self, event: Event) -> list[Event] | None:
        kind = str(event.get("type"))
        before: list[Event] = []
        if kind.endswith(".delta") and isinstance(event.get("delta"), dict):
            touched = self._streams_of_shell(kind, event)
        elif kind.endswith(".delta") and isinstance(event.get("delta"), str):
            touched = self._delta(kind, event)
        else:
            if kind.endswith(".done"):
                before = self._flushed(partial(_of_text, kind.removesuffix(".done"), _place(event)))
            elif kind in ENDS:
                before = self.rest()
            touched = self._objects(event)
        if self.way.hides and (bare := without_logprobs(event)) is not event:
            event, touched = bare, True
        return self._numbered(before, event, touched)

    def stopped(self) -> list[Event]:
        reason = {"reason": "content_filter"}
        response = {**self._response, "status": "incomplete", "incomplete_details": reason, "output": []}
        return [{"type": "response.incomplete", NUMBER: self._next, "response": response}]

    def _delta(self, kind: str, event: Event) -> bool:
        place = _place(event)
        again = partial(_again, kind, dict(zip(PLACES, place, strict=True)))
        name = (kind.removesuffix(".delta"), place)
        return self._fed(name, event, "delta", again, in_json="arguments" in kind)

    def _streams_of_shell(self, kind: str, event: Event) -> bool:
        place, delta, touched = _place(event), event["delta"], False
        for field in ("stdout", "stderr"):
            if isinstance(delta.get(field), str):
                again = partial(_again_in, kind, dict(zip(PLACES, place, strict=True)), field)
                name = (kind.removesuffix(".delta"), place, field)
                touched = self._fed(name, delta, field, again) or touched
        return touched

    def _objects(self, event: Event) -> bool:
        touched = False
        for name in WHOLE:
            value = event.get(name)
            if isinstance(value, str) and value:
                event[name] = self.way.text(value, in_json=name == "arguments")
                touched = touched or event[name] != value
        if isinstance(response := event.get("response"), dict):
            event["response"] = self.way.whole(response, Shape.RESPONSES)
            self._response = {**event["response"], "output": []}
            touched = touched or event["response"] is not response
        if isinstance(value := event.get("output"), list):
            item = {"type": "shell_call_output", "output": value}
            (made,) = self.way.whole({"output": [item]}, Shape.RESPONSES)["output"]
            event["output"] = made["output"]
            touched = touched or made["output"] is not value
        for name in ("item", "part"):
            if isinstance(value := event.get(name), dict):
                output = [value] if name == "item" else [{"type": "message", "content": [value]}]
                (made,) = self.way.whole({"output": output}, Shape.RESPONSES)["output"]
                event[name] = made if name == "item" else made["content"][0]
                touched = touched or event[name] is not value
        return touched

    def _numbered(self, before: list[Event], event: Event, touched: bool) -> list[Event] | None:
        number = event.get(NUMBER)
        if not isinstance(number, int):
            return [*before, event] if touched or before else None
        number += self._more
        for one in before:
            one[NUMBER] = number
            number += 1
        self._more += len(before)
        self._next = number + 1
        if not (touched or self._more):
            return None
        event[NUMBER] = number
        return [*before, event]


def _place(event: Event) -> tuple[Any, ...]:
    return tuple(event.get(name) for name in PLACES)


def _again(kind: str, place: Event, held: str) -> Event:
    return {"type": kind, **{name: one for name, one in place.items() if one is not None}, "delta": held}


def _again_in(kind: str, place: Event, field: str, held: str) -> Event:
    return {**_again(kind, place, ""), "delta": {field: held}}


def _of_text(kind: str, place: tuple[Any, ...], name: Name) -> bool:
    return name[:2] == (kind, place)
