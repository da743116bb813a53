"""What the model writes, as items: a plain message at once, or a stream's deltas one by one.

Both take the same way, so that a client gets the same items whichever it asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from proxy.formats.base import Unreadable, encoded
from proxy.translation.responses_to_chat.items import (
    CustomCall,
    Event,
    FunctionCall,
    Item,
    Message,
    Reasoning,
)
from proxy.translation.responses_to_chat.thoughts import thought

MOST_ITEMS = 1_024  # of one answer
MOST_HELD = 16_000_000  # characters: the last event repeats all that was written
PIECE = 512  # what an object takes beside its texts
DEEPEST = 4  # lists of parts inside parts


@dataclass(slots=True)
class Call:
    """A tool call as its fragments come; it becomes an item once its name is known."""

    index: Any  # that of its fragments
    id: str | None
    waiting: StringIO = field(default_factory=StringIO)  # arguments that came before it
    item: FunctionCall | CustomCall | None = None


class Output:
    def __init__(self, stem: str, customs: frozenset[str], seals: bool) -> None:
        self.stem = stem
        self.customs = customs
        self.seals = seals
        self.items: list[Item] = []
        self.current: Reasoning | Message | None = None  # at most one is open, beside the calls
        self.calls: list[Call] = []
        self.held = self.length = 0

    def take(self, message: Mapping[str, Any]) -> list[Event]:
        """A message or a delta; what makes no sense in it is passed over."""
        made: list[Event] = []
        for name in ("reasoning_content", "reasoning"):
            if isinstance(text := message.get(name), str) and text:
                made += self._think(text)
                break  # some servers send both
        for value in _objects(message.get("thinking_blocks")):
            made += self._keep(value)
        for kind, text in _written(message.get("content")):
            made += self._think(text) if kind == "thinking" else self._say(kind, text)
        for value in _objects(message.get("annotations")):
            made += self._cite(value.get("url_citation"))
        if isinstance(text := message.get("refusal"), str) and text:
            made += self._say("refusal", text)
        for value in _objects(message.get("tool_calls")):
            made += self._call(value)
        return made

    def close(self, status: str) -> list[Event]:
        """What is still open ends with the answer."""
        ended = "completed" if status == "completed" else "incomplete"
        made = self._pause(ended)
        for call in self.calls:
            if call.item is not None:
                made += call.item.close(ended)
        return made

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [item.body for item in self.items]

    def _pause(self, status: str = "completed") -> list[Event]:
        current, self.current = self.current, None
        return [] if current is None else current.close(status)

    def _place(self, prefix: str) -> tuple[int, str]:
        if len(self.items) >= MOST_ITEMS:
            raise Unreadable("more items than any answer has")
        return len(self.items), f"{prefix}_{self.stem}_{len(self.items)}"

    def _hold(self, text: str) -> str:
        self._weigh(len(text))
        return text

    def _weigh(self, size: int) -> None:
        self.held += size
        if self.held > MOST_HELD:
            raise Unreadable("an answer that is longer than any")

    def _reasoning(self) -> tuple[Reasoning, list[Event]]:
        if isinstance(self.current, Reasoning):
            return self.current, []
        made = self._pause()
        index, name = self._place("rs")
        self.current = item = Reasoning(
            index, {"id": name, "type": "reasoning", "summary": []}, seals=self.seals
        )
        self.items.append(item)
        return item, made + item.opened()

    def _think(self, text: str) -> list[Event]:
        item, made = self._reasoning()
        return made + item.write(self._hold(text))

    def _keep(self, value: dict[str, Any]) -> list[Event]:
        block = thought(value)
        if block is None:
            return []
        item, made = self._reasoning()
        self._weigh(PIECE + sum(map(len, block.values())))
        item.blocks.append(block)
        return made

    def _say(self, kind: str, text: str) -> list[Event]:
        made: list[Event] = []
        if not isinstance(self.current, Message):
            made += self._pause()
            index, name = self._place("msg")
            body = {
                "id": name,
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [],
            }
            self.current = Message(index, body)
            self.items.append(self.current)
            made += self.current.opened()
        made += self.current.write(kind, self._hold(text), self.length)
        self.length += len(text) if kind == "output_text" else 0
        return made

    def _cite(self, found: Any) -> list[Event]:
        if not isinstance(found, dict) or not isinstance(self.current, Message):
            return []
        places = {name: found.get(name) for name in ("start_index", "end_index")}
        texts = {name: text for name in ("title", "url") if isinstance(text := found.get(name), str)}
        if len(texts) < 2 or not all(map(_is_count, places.values())):
            return []
        self._weigh(PIECE + sum(len(text) for text in texts.values()))
        return self.current.annotate({"type": "url_citation", **places, **texts})

    def _call(self, fragment: dict[str, Any]) -> list[Event]:
        call = self._known(fragment)
        function = fragment.get("function")
        if not isinstance(function, dict):
            return []
        made: list[Event] = []
        name, arguments = function.get("name"), _arguments(function.get("arguments"))
        if call.item is None and isinstance(name, str) and name:
            made += self._open(call, self._hold(name))
        if arguments:
            self._hold(arguments)
            if call.item is None:
                call.waiting.write(arguments)
            else:
                made += call.item.write(arguments)
        return made

    def _known(self, fragment: dict[str, Any]) -> Call:
        """The one that a fragment goes on with: that of its index, else of its id, else the last."""
        index, found = fragment.get("index"), fragment.get("id")
        name = self._hold(found) if isinstance(found, str) and found else None
        call = self.calls[-1] if self.calls else None
        if _is_count(index):
            call = next((one for one in reversed(self.calls) if one.index == index), None)
        elif name is not None:
            call = next((one for one in self.calls if one.id == name), call)
        if call is None or _begins(fragment, name, call):
            if len(self.calls) >= MOST_ITEMS:
                raise Unreadable("more calls than any answer has")
            call = Call(index, name)
            self.calls.append(call)
        call.id = call.id or name
        return call

    def _open(self, call: Call, name: str) -> list[Event]:
        made = self._pause()
        custom = name in self.customs
        index, item_id = self._place("ctc" if custom else "fc")
        taken = {item.body.get("call_id") for item in self.items}
        # clients tell calls apart by this alone
        made_up = f"call_{self.stem[:24]}_{index}"  # OpenAI takes no more than 40 letters back
        call_id = call.id if call.id and call.id not in taken else made_up
        body = {"id": item_id, "call_id": call_id, "name": name}
        if custom:
            call.item = CustomCall(index, {"type": "custom_tool_call", **body, "input": ""})
        else:
            empty = {"arguments": "", "status": "in_progress"}
            call.item = FunctionCall(index, {"type": "function_call", **body, **empty})
        self.items.append(call.item)
        made += call.item.opened()
        if waiting := call.waiting.getvalue():
            made += call.item.write(waiting)
        return made


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _begins(fragment: dict[str, Any], name: str | None, call: Call) -> bool:
    """Whether a fragment is of another call than the one it seems to go on with: some servers number all alike."""
    function = fragment.get("function")
    if call.item is None or not isinstance(function, dict) or not function.get("name"):
        return False
    return name != call.id if name is not None else not _is_count(fragment.get("index"))


def _arguments(value: Any) -> str:
    """Some servers give them as the object that they are."""
    if isinstance(value, str):
        return value
    return encoded(value).decode() if isinstance(value, dict) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _written(content: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Texts of a message's content by kind; some servers write it in parts, with their thinking among them."""
    if isinstance(content, str):
        if content:
            yield "output_text", content
        return
    for part in _objects(content) if depth < DEEPEST else ():
        if part.get("type") == "text" and isinstance(text := part.get("text"), str) and text:
            yield "output_text", text
        elif part.get("type") == "refusal" and isinstance(text := part.get("refusal"), str) and text:
            yield "refusal", text
        elif part.get("type") == "thinking":
            for _, text in _written(part.get("thinking"), depth + 1):
                yield "thinking", text
