"""What a chat model wrote, as content blocks: of a whole message or of the deltas of a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.formats.base import Unreadable, encoded
from proxy.formats.chat_options import SIGNATURE
from proxy.translation.messages_to_chat.arguments import Arguments, parsed
from proxy.translation.messages_to_chat.names import Names, given_id

MOST_CALLS = 128
DEPTH = 8  # of parts inside parts
PIECE = 64  # bytes that a piece takes beside its letters


@dataclass(slots=True)
class Text:
    """Thinking, text or a refusal."""

    kind: str
    pieces: list[str] = field(default_factory=list)
    size: int = 0  # of what was not given on

    def add(self, piece: str) -> int:
        self.pieces.append(piece)
        self.size += len(piece) + PIECE
        return len(piece) + PIECE

    @property
    def ready(self) -> bool:
        return bool(self.pieces)

    @property
    def finished(self) -> bool:
        """Once another block follows: what comes of this kind later is a block of its own."""
        return True

    @property
    def start(self) -> dict[str, Any]:
        if self.kind == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        return {"type": "text", "text": "", "citations": None}

    def deltas(self) -> list[dict[str, Any]]:
        text = "".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        if self.kind == "thinking":
            return [{"type": "thinking_delta", "thinking": text}] if text else []
        return [{"type": "text_delta", "text": text}] if text else []

    def last_deltas(self) -> list[dict[str, Any]]:
        return [{"type": "signature_delta", "signature": SIGNATURE}] if self.kind == "thinking" else []

    def whole(self) -> dict[str, Any]:
        text = "".join(self.pieces)
        if self.kind == "thinking":
            return {"type": "thinking", "thinking": text, "signature": SIGNATURE}
        return {"type": "text", "text": text, "citations": None}


@dataclass(slots=True)
class Call:
    number: object  # the provider's index of it
    said_id: str = ""
    id: str = ""
    name: str = ""
    arguments: Arguments = field(default_factory=Arguments)
    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, piece: str) -> int:
        if not piece or self.finished:
            return 0
        if taken := self.arguments.add(piece):
            self.pieces.append(taken)
        self.size += len(piece) + PIECE
        return len(piece) + PIECE

    @property
    def ready(self) -> bool:
        return bool(self.name)

    @property
    def finished(self) -> bool:
        return self.arguments.complete

    @property
    def start(self) -> dict[str, Any]:
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": {}}

    def deltas(self) -> list[dict[str, Any]]:
        text = "".join(self.pieces)
        self.pieces.clear()
        self.size = self.size if self.arguments.held else 0
        return [{"type": "input_json_delta", "partial_json": text}] if text else []

    def last_deltas(self) -> list[dict[str, Any]]:
        rest = self.arguments.rest()
        return [{"type": "input_json_delta", "partial_json": rest}] if rest else []

    def whole(self) -> dict[str, Any]:
        text = "".join(self.pieces) + self.arguments.rest()
        return {"type": "tool_use", "id": self.id, "name": self.name, "input": parsed(text)}


class Written:
    """Takes messages or deltas; `blocks` are in the order in which they began.

    Blocks that were given on can be taken away from `blocks`: their calls are still known by index or id.
    """

    def __init__(self, seed: str, names: Names, show_thinking: bool) -> None:
        self.seed = seed
        self.names = names
        self.show_thinking = show_thinking
        self.blocks: deque[Text | Call] = deque()
        self.calls: list[Call] = []
        self.ids: set[str] = set()
        self.refused = False

    def add(self, delta: Mapping[str, Any], whole: bool = False) -> int:
        """Returns the room that it takes. A whole message's calls are no pieces of others."""
        size = 0
        for kind, text in _texts(delta):
            self.refused = self.refused or kind == "refusal"
            if kind != "thinking" or self.show_thinking:
                size += self._text(kind).add(text)
        for fragment in _calls(delta):
            size += self._add_call(fragment, whole)
        return size

    def _text(self, kind: str) -> Text:
        last = self.blocks[-1] if self.blocks else None
        if isinstance(last, Text) and last.kind == kind:
            return last
        made = Text(kind)
        self.blocks.append(made)
        return made

    def _add_call(self, fragment: Mapping[str, Any], whole: bool) -> int:
        function = fragment.get("function")
        if not isinstance(function, dict):
            return 0
        index, said_id, name = (
            fragment.get("index"),
            _string(fragment.get("id")),
            _string(function.get("name")),
        )
        call = None if whole else self._known(index, said_id, name)
        call = call or self._new(index)
        call.said_id = call.said_id or said_id
        if name and not call.name:
            call.name = self.names.given(name)
            call.id = self._id(call)
        arguments = function.get("arguments")
        # some servers write no JSON inside JSON
        return call.add(encoded(arguments).decode() if isinstance(arguments, dict) else _string(arguments))

    def _known(self, index: object, said_id: str, name: str) -> Call | None:
        """The call that a fragment goes on with: that of its index, else of its id, else the last."""
        found: Call | None = None
        if isinstance(index, int):
            found = next((one for one in reversed(self.calls) if one.number == index), None)
        else:
            if said_id:
                found = next((one for one in reversed(self.calls) if one.said_id == said_id), None)
            if found is None and not name and self.calls:
                found = self.calls[-1]
        # some servers give every call the same index
        if found and name and said_id and found.said_id not in ("", said_id):
            return None
        return found

    def _new(self, index: object) -> Call:
        if len(self.calls) >= MOST_CALLS:
            raise Unreadable(f"more than {MOST_CALLS} tool calls")
        call = Call(index)
        self.calls.append(call)
        self.blocks.append(call)
        return call

    def _id(self, call: Call) -> str:
        seed = f"{self.seed}:{len(self.ids)}"
        made = given_id(call.said_id, seed)
        made = made if made not in self.ids else given_id("", seed)
        self.ids.add(made)
        return made


def _texts(delta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was thought and said. Reasoning goes under two names, and some servers write it under both."""
    thought = _string(delta.get("reasoning_content")) or _string(delta.get("reasoning"))
    if thought:
        yield "thinking", thought
    yield from _content(delta.get("content"), "text", DEPTH)
    if refusal := _string(delta.get("refusal")):
        yield "refusal", refusal


def _content(content: Any, kind: str, depth: int) -> Iterator[tuple[str, str]]:
    """Mistral writes lists of parts, of which some are what was thought."""
    if isinstance(content, str):
        if content:
            yield kind, content
    elif isinstance(content, list) and depth:
        for part in content:
            if isinstance(part, dict) and part.get("type") == "thinking":
                yield from _content(part.get("thinking"), "thinking", depth - 1)
            elif isinstance(part, dict) and part.get("type") == "refusal":
                yield from _content(part.get("refusal"), "refusal", depth - 1)
            elif isinstance(part, dict):
                yield from _content(part.get("text"), kind, depth - 1)
            else:
                yield from _content(part, kind, depth - 1)


def _calls(delta: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield call
    if isinstance(function := delta.get("function_call"), dict):
        yield {"index": -1, "function": function}  # before tools there were functions, one a message


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
