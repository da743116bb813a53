"""Chunks of OpenAI's chat completions, and of its older completions."""

from __future__ import annotations

from functools import partial
from typing import Any

from proxy.personal.streams.base import Event, Name, Stream
from proxy.personal.ways import without_logprobs

TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
ENVELOPE = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class ChatTexts(Stream):
    named = False
    end_mark = b"data: [DONE]\n\n"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._envelope: Event = {}
        self._open: set[Any] = set()
        self._plain = False  # whether these are completions without messages

    def changed(self, event: Event) -> list[Event] | None:
        choices = event.get("choices")
        if not isinstance(choices, list):
            return None
        self._envelope = {name: event[name] for name in ENVELOPE if name in event}
        before: list[Event] = []
        touched = False
        for choice in choices:
            if isinstance(choice, dict):
                touched = self._choice(choice) or touched
                if choice.get("finish_reason"):
                    self._open.discard(choice.get("index"))
                    before += self._flushed(partial(_of_choice, choice.get("index")))
        if self.way.hides and (bare := without_logprobs(event)) is not event:
            event, touched = bare, True
        return [*before, event] if touched or before else None

    def stopped(self) -> list[Event]:
        inner: Event = {"text": ""} if self._plain else {"delta": {}}
        return [self._chunk(one, {**inner, "finish_reason": "content_filter"}) for one in self._open or {0}]

    def _choice(self, choice: dict[str, Any]) -> bool:
        index = choice.get("index")
        self._open.add(index)
        if isinstance(choice.get("text"), str):
            self._plain = True
            return self._fed((index, "text"), choice, "text", partial(self._text, index))
        delta = choice.get("delta")
        return isinstance(delta, dict) and self._delta(index, delta)

    def _delta(self, index: Any, delta: dict[str, Any]) -> bool:
        touched = False
        for name in TEXTS:
            value = delta.get(name)
            if isinstance(value, str) and value:
                again = partial(self._field, index, name)
                touched = self._fed((index, name), delta, name, again) or touched
            elif isinstance(value, list):  # parts, as some servers write them
                for part in value:
                    if isinstance(part, dict) and isinstance(part.get("text"), str):
                        again = partial(self._field, index, name)
                        touched = self._fed((index, name), part, "text", again) or touched
        called = delta.get("function_call")
        if isinstance(called, dict) and isinstance(called.get("arguments"), str):
            again = partial(self._called, index)
            touched = self._fed((index, "call"), called, "arguments", again, in_json=True) or touched
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            touched = (isinstance(call, dict) and self._call(index, call)) or touched
        return touched

    def _call(self, index: Any, call: dict[str, Any]) -> bool:
        number = call.get("index", call.get("id"))
        for kind, field in (("function", "arguments"), ("custom", "input")):
            inner = call.get(kind)
            if isinstance(inner, dict) and isinstance(inner.get(field), str):
                again = partial(self._tool, index, number, kind, field)
                name = (index, "tool", number)
                return self._fed(name, inner, field, again, in_json=kind == "function")
        return False

    def _chunk(self, index: Any, inner: Event) -> Event:
        return {**self._envelope, "choices": [{"index": index, "finish_reason": None, **inner}]}

    def _text(self, index: Any, held: str) -> Event:
        return self._chunk(index, {"text": held})

    def _field(self, index: Any, name: str, held: str) -> Event:
        return self._chunk(index, {"delta": {name: held}})

    def _called(self, index: Any, held: str) -> Event:
        return self._chunk(index, {"delta": {"function_call": {"arguments": held}}})

    def _tool(self, index: Any, number: Any, kind: str, field: str, held: str) -> Event:
        return self._chunk(index, {"delta": {"tool_calls": [{"index": number, kind: {field: held}}]}})


def _of_choice(index: Any, name: Name) -> bool:
    return bool(name[0] == index)
