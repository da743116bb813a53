"""A plain chat completion out of the chunks of a stream, as the provider would have answered it."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

from proxy.formats.base import Unreadable

# Said once, or again in each fragment; all other texts are fragments that follow one another.
WHOLE = frozenset({"id", "type", "role", "name", "object", "model", "format", "index"})
PADDING = "obfuscation"  # random characters that hide the length of chunks
MOST_PARTS = 128  # choices of an answer, or tool calls of a choice
DEPTH = 16  # of what is merged; deeper values are taken as they are


class ChatAssembly:
    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.choices: dict[int, dict[str, Any]] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        for name, value in chunk.items():
            if name not in ("choices", "usage", PADDING) and value not in (None, ""):
                # a name is known from the first chunk, other figures of the answer from the last
                if name in ("id", "created", "model"):
                    self.head.setdefault(name, value)
                else:
                    self.head[name] = value
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._add_choice(choice)

    def _add_choice(self, choice: Mapping[str, Any]) -> None:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        made = self.choices.get(index)
        if made is None:
            _check(self.choices)
            message: dict[str, Any] = {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
            }
            made = self.choices[index] = {
                "index": index,
                "message": message,
                "logprobs": None,
                "finish_reason": None,
            }
        for name, value in choice.items():
            if name == "delta":
                if isinstance(value, dict):
                    _merge(made["message"], value)
            elif name == "logprobs":
                if isinstance(value, dict):
                    made["logprobs"] = made["logprobs"] or {}
                    _merge(made["logprobs"], value)
            elif name == "message":
                if isinstance(value, dict):
                    made["message"].update(value)
            elif name != "index" and value is not None:
                made[name] = value

    @property
    def empty(self) -> bool:
        return not self.choices

    def answer(self, usage: Mapping[str, Any] | None) -> dict[str, Any]:
        head = {name: value for name, value in self.head.items() if name in ("id", "created", "model")}
        rest = {name: value for name, value in self.head.items() if name not in head and name != "object"}
        choices = [self.choices[index] for index in sorted(self.choices)]
        made = {
            **head,
            "object": "chat.completion",
            "choices": [{**one, "finish_reason": one["finish_reason"] or "length"} for one in choices],
            **rest,
        }
        for one in choices:
            calls = one["message"].get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict):
                    call.pop("index", None)  # a figure of streams alone
        if usage is not None:
            made["usage"] = dict(usage)
        return made


def _merge(made: dict[str, Any], delta: Mapping[str, Any], depth: int = 0) -> None:
    """Adds one delta: texts are continued, lists extended or matched by index, the rest replaced."""
    for name, value in delta.items():
        before = made.get(name)
        if value is None:
            made.setdefault(name, None)
        elif isinstance(value, str) and isinstance(before, str):
            made[name] = before or value if name in WHOLE else before + value
        elif isinstance(value, dict) and depth < DEPTH:
            made[name] = before if isinstance(before, dict) else {}
            _merge(made[name], value, depth + 1)
        elif isinstance(value, list) and depth < DEPTH:
            made[name] = before if isinstance(before, list) else []
            _extend(made[name], value, name, depth + 1)
        else:
            made[name] = value


def _extend(made: list[Any], items: list[Any], name: str, depth: int) -> None:
    """Tool calls, and items with an index, are fragments; others are whole."""
    for item in items:
        if not isinstance(item, dict) or not (name == "tool_calls" or isinstance(item.get("index"), int)):
            made.append(item)
            continue
        known = _known(made, item)
        if known is None:
            _check(made)
            known = {}
            made.append(known)
        _merge(known, item, depth)


def _known(made: list[Any], item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one that a fragment goes on with: that of its index, else of its id, else the last."""
    index, parts = item.get("index"), [one for one in made if isinstance(one, dict)]
    if isinstance(index, int):
        return next((one for one in reversed(parts) if one.get("index") == index), None)
    last: dict[str, Any] | None = parts[-1] if parts else None
    return None if last is not None and item.get("id") and item["id"] != last.get("id") else last


def _check(parts: Sized) -> None:
    if len(parts) >= MOST_PARTS:
        raise Unreadable(f"more than {MOST_PARTS} choices or parts of one")
