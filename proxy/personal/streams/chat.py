"""Chunks of OpenAI's chat completions, and of its older completions."""

from __future__ import annotations

from functools import partial
from typing import Any

from proxy.personal.streams.base import Event, Name, Stream
from proxy.personal.ways import without_logprobs

TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
DETAILS, THOUGHT = "reasoning_details", "thinking"
# What a chunk holds together was written in this order: first it is thought, then said, then done.
STEPS = (("reasoning_content", "reasoning", DETAILS), ("content", "refusal"), ("function_call", "tool_calls"))
ENVELOPE = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class ChatTexts(Stream):
    named = False
    end_mark = b"data: [DONE]\n\n"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._envelope: Event = {}
        self._open: set[Any] = set()
        self._calls: set[Name] = set()  # that have begun
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
                before += self._steps(choice)
                before += self._before(choice)
                touched = self._choice(choice) or touched
                if choice.get("finish_reason"):
                    self._open.discard(choice.get("index"))
                    before += self._ended(choice)
        if self.way.hides and (bare := without_logprobs(event)) is not event:
            event, touched = bare, True
        return [*before, event] if touched or before else None

    def _steps(self, choice: dict[str, Any]) -> list[Event]:
        """All but the last step that a chunk takes, as chunks of their own: what waits of one goes on before the next."""
        made: list[Event] = []
        for delta in _apart(choice.get("delta")):
            step = {"index": choice.get("index"), "delta": delta}
            made += self._before(step)
            self._choice(step)
            made.append(self._chunk(step["index"], {"delta": delta}))
        return made

    def _before(self, choice: dict[str, Any]) -> list[Event]:
        """What was written in front of what a chunk goes on with: clients keep the order in which things come."""
        index, delta = choice.get("index"), choice.get("delta")
        if not isinstance(delta, dict):
            return []
        texts = {name for name in (*TEXTS, DETAILS, "function_call") if delta.get(name)}
        if "content" in texts and any(map(_thought, _parts(delta["content"]))):
            texts = texts - {"content"} | {THOUGHT}
        calls: set[Name] = {(index, "tool", _number(one)) for one in _parts(delta.get("tool_calls"))}
        if not texts and not calls:
            return []
        new = bool(calls - self._calls)  # several that take turns are left to come to their ends
        self._calls |= calls

        def over(name: Name) -> bool:
            if name[1] == "tool":
                return (new or bool(texts)) and name not in calls
            return name[1] not in texts

        return self._flushed(lambda name: name[0] == index and over(name))

    def _ended(self, choice: dict[str, Any]) -> list[Event]:
        """What the chunk that ends a choice says goes before what waited behind it."""
        rest = self._flushed(partial(_of_choice, choice.get("index")))
        if not rest:
            return []
        inner = {name: choice.pop(name) for name in ("text", "delta") if choice.get(name)}
        if "text" in inner:
            choice["text"] = ""
        elif inner:
            choice["delta"] = {}
        said = inner.get("text") or any(inner.get("delta", {}).values())
        return [self._chunk(choice.get("index"), inner), *rest] if said else rest

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
            for part in _parts(value):  # as some servers write them
                touched = self._part(index, name, part) or touched
        for part in _parts(delta.get(DETAILS)) if self.way.thinks else ():
            touched = self._detail(index, part) or touched
        called = delta.get("function_call")
        if isinstance(called, dict) and isinstance(called.get("arguments"), str):
            again = partial(self._called, index)
            touched = self._fed((index, "function_call"), called, "arguments", again, in_json=True) or touched
        for call in _parts(delta.get("tool_calls")):
            touched = self._call(index, call) or touched
        return touched

    def _part(self, index: Any, name: str, part: dict[str, Any]) -> bool:
        touched = False
        for inner in _thought(part):
            if isinstance(inner.get("text"), str):
                touched = self._fed((index, THOUGHT), inner, "text", partial(self._thought, index)) or touched
        if isinstance(part.get("text"), str):
            touched = self._fed((index, name), part, "text", partial(self._field, index, name)) or touched
        return touched

    def _detail(self, index: Any, part: dict[str, Any]) -> bool:
        """Reasoning as OpenRouter tells it, beside `reasoning`. It may be signed, so no value is put back."""
        touched = False
        for field in ("text", "summary"):
            if isinstance(part.get(field), str):
                known: Event = {
                    name: part[name] for name in ("type", "index", "format", "id") if name in part
                }
                again = partial(self._detailed, index, known, field)
                name = (index, DETAILS, part.get("index"), field)
                touched = self._fed(name, part, field, again) or touched
        return touched

    def _call(self, index: Any, call: dict[str, Any]) -> bool:
        number = _number(call)
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

    def _thought(self, index: Any, held: str) -> Event:
        part = {"type": "thinking", "thinking": [{"type": "text", "text": held}]}
        return self._chunk(index, {"delta": {"content": [part]}})

    def _detailed(self, index: Any, known: dict[str, Any], field: str, held: str) -> Event:
        return self._chunk(index, {"delta": {DETAILS: [{**known, field: held}]}})

    def _called(self, index: Any, held: str) -> Event:
        return self._chunk(index, {"delta": {"function_call": {"arguments": held}}})

    def _tool(self, index: Any, number: Any, kind: str, field: str, held: str) -> Event:
        return self._chunk(index, {"delta": {"tool_calls": [{"index": number, kind: {field: held}}]}})


def _apart(delta: Any) -> list[dict[str, Any]]:
    """Takes all but its last step out of a chunk's delta."""
    if not isinstance(delta, dict):
        return []
    steps: list[dict[str, Any]] = []
    for names in STEPS:
        step = {name: delta[name] for name in names if delta.get(name)}
        thought = [one for one in _parts(step.get("content")) if _thought(one)]
        if thought and len(thought) < len(step["content"]):
            steps.append({"content": thought})
            step["content"] = [one for one in step["content"] if one not in thought]
        if step:
            steps.append(step)
    if len(steps) < 2:
        return []
    for name in (name for names in STEPS for name in names):
        delta.pop(name, None)
    delta.update(steps.pop())
    if "role" in delta:
        steps[0] = {"role": delta.pop("role"), **steps[0]}
    return steps


def _parts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _thought(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Thinking as Mistral streams it."""
    return _parts(part.get("thinking"))


def _number(call: dict[str, Any]) -> Any:
    return call.get("index", call.get("id"))


def _of_choice(index: Any, name: Name) -> bool:
    return bool(name[0] == index)
