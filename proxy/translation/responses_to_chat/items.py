"""The items of a response as they grow. Each step returns the events that tell of it, not numbered yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from proxy.translation.responses_to_chat.thoughts import sealed
from proxy.translation.responses_to_chat.tools import custom_input

Event = dict[str, Any]


@dataclass(slots=True)
class Item(ABC):
    """`body` is the item as far as it is told; whole once it is closed."""

    index: int
    body: dict[str, Any]

    def event(self, name: str, **fields: Any) -> Event:
        place = {"item_id": self.body["id"], "output_index": self.index}
        return {"type": f"response.{name}", **place, **fields}

    def opened(self) -> list[Event]:
        # lists grow later on, and what is told now must not
        item = {name: list(value) if isinstance(value, list) else value for name, value in self.body.items()}
        return [{"type": "response.output_item.added", "output_index": self.index, "item": item}]

    def closed(self) -> list[Event]:
        return [{"type": "response.output_item.done", "output_index": self.index, "item": self.body}]

    @abstractmethod
    def close(self, status: str) -> list[Event]:
        """What ends the item; its body is whole then."""


@dataclass(slots=True)
class Reasoning(Item):
    seals: bool = False  # whether the client wants what it needs to bring the thoughts back
    text: StringIO = field(default_factory=StringIO)
    blocks: list[dict[str, str]] = field(default_factory=list)

    def write(self, text: str) -> list[Event]:
        made: list[Event] = []
        if not self.text.tell():
            part = {"type": "summary_text", "text": ""}
            made.append(self.event("reasoning_summary_part.added", summary_index=0, part=part))
        self.text.write(text)
        made.append(self.event("reasoning_summary_text.delta", summary_index=0, delta=text))
        return made

    def close(self, status: str) -> list[Event]:
        made: list[Event] = []
        if self.text.tell():
            text = self.text.getvalue()
            part = {"type": "summary_text", "text": text}
            self.body["summary"] = [part]
            made.append(self.event("reasoning_summary_text.done", summary_index=0, text=text))
            made.append(self.event("reasoning_summary_part.done", summary_index=0, part=part))
        if self.seals:
            self.body["encrypted_content"] = sealed(self.blocks)
        return made + self.closed()


@dataclass(slots=True)
class Message(Item):
    text: StringIO = field(default_factory=StringIO)  # of the open part
    before: int = 0  # characters of the answer's text before the open part

    def write(self, kind: str, text: str, before: int) -> list[Event]:
        """`kind` is output_text or refusal."""
        made: list[Event] = []
        content = self.body["content"]
        if not content or content[-1]["type"] != kind:
            made += self._finish()
            self.before = before
            content.append(_part(kind))
            made.append(self._told("content_part.added", part=_part(kind)))
        self.text.write(text)
        made.append(self._told(f"{kind}.delta", delta=text, **_odds(kind)))
        return made

    def annotate(self, cited: dict[str, Any]) -> list[Event]:
        """`cited` counts from the start of the answer's text."""
        content = self.body["content"]
        if not content or content[-1]["type"] != "output_text":
            return []
        annotations = content[-1]["annotations"]
        for name in ("start_index", "end_index"):
            cited[name] = max(0, cited[name] - self.before)
        annotations.append(cited)
        place = len(annotations) - 1
        return [self._told("output_text.annotation.added", annotation_index=place, annotation=cited)]

    def close(self, status: str) -> list[Event]:
        self.body["status"] = status
        return self._finish() + self.closed()

    def _told(self, name: str, **fields: Any) -> Event:
        return self.event(name, content_index=len(self.body["content"]) - 1, **fields)

    def _finish(self) -> list[Event]:
        if not self.body["content"]:
            return []
        part = self.body["content"][-1]
        kind = part["type"]
        name = "text" if kind == "output_text" else kind
        part[name] = self.text.getvalue()
        self.text = StringIO()
        done = self._told(f"{kind}.done", **{name: part[name]}, **_odds(kind))
        return [done, self._told("content_part.done", part=part)]


def _part(kind: str) -> dict[str, Any]:
    if kind == "refusal":
        return {"type": kind, "refusal": ""}
    return {"type": kind, "text": "", "annotations": [], "logprobs": []}


def _odds(kind: str) -> dict[str, Any]:
    return {"logprobs": []} if kind == "output_text" else {}


@dataclass(slots=True)
class FunctionCall(Item):
    arguments: StringIO = field(default_factory=StringIO)

    def write(self, fragment: str) -> list[Event]:
        self.arguments.write(fragment)
        return [self.event("function_call_arguments.delta", delta=fragment)]

    def close(self, status: str) -> list[Event]:
        made: list[Event] = []
        if not self.arguments.tell() and status == "completed":
            made += self.write("{}")  # clients read it as JSON, whatever some servers leave out
        arguments = self.arguments.getvalue()
        self.body |= {"arguments": arguments, "status": status}
        return [*made, self.event("function_call_arguments.done", arguments=arguments), *self.closed()]


@dataclass(slots=True)
class CustomCall(Item):
    """Told as a whole at its end: until then its input stands inside the arguments of a function."""

    arguments: StringIO = field(default_factory=StringIO)

    def write(self, fragment: str) -> list[Event]:
        self.arguments.write(fragment)
        return []

    def close(self, status: str) -> list[Event]:
        given = custom_input(self.arguments.getvalue())
        self.body["input"] = given
        made = [self.event("custom_tool_call_input.delta", delta=given)] if given else []
        return [*made, self.event("custom_tool_call_input.done", input=given), *self.closed()]
