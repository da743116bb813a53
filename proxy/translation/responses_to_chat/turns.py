"""Input items as chat messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.reading import items, malformed, mapping, only, text
from proxy.translation.responses_to_chat.parts import ASKED, SAID, TOLD, Part, content_of, parts_of
from proxy.translation.responses_to_chat.thoughts import unsealed
from proxy.translation.responses_to_chat.tools import custom_arguments

Item = dict[str, Any]

LEFT_OUT = "input.reasoning"  # named once: a long conversation has many
KEPT = ("type", "id", "status")  # how an answer's items are told apart, which no message needs
MESSAGE = frozenset({*KEPT, "role", "content", "phase"})  # the last is a mark of OpenAI's own models
CALL = frozenset({*KEPT, "call_id", "name", "caller", "async"})
RESULT = frozenset({*KEPT, "call_id", "output", "name", "caller"})
DIRECT = {"type": "direct"}


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a server takes of which chat completions know nothing.

    `reasoning_field` names the field of an assistant message under which the model wants its own reasoning back.
    """

    reasoning_field: str | None = None
    thinking_blocks: bool = False  # Anthropic's, signed
    shown_results: bool = False  # images and files in the results of tools


NOTHING = Beyond()


class Turns:
    """`messages` as they grow, item by item.

    Whatever the model wrote without a break is one message: its results must follow right behind it.
    """

    def __init__(self, terms: Terms, beyond: Beyond) -> None:
        self.terms = terms
        self.beyond = beyond
        self.messages: list[dict[str, Any]] = []
        self.turn: dict[str, Any] | None = None  # of the assistant, as long as it goes on
        self.said: list[Part] = []
        self.readers: dict[str, Callable[[Item, str], None]] = {
            "message": self._message,
            "function_call": self._function_call,
            "function_call_output": self._result,
            "custom_tool_call": self._custom_call,
            "custom_tool_call_output": self._result,
            "reasoning": self._reasoning,
        }

    def instruct(self, instructions: str) -> None:
        self.messages.append({"role": "system", "content": instructions})

    def take(self, value: Any, path: str) -> None:
        item = mapping(value, path)
        kind = text(item.get("type", "message" if "role" in item else "item_reference"), f"{path}.type")
        reader = self.readers.get(kind)
        if reader is None:
            self.terms.cannot(path, f"items of type {kind!r} have no counterpart in chat completions")
        else:
            reader(item, path)

    def end(self) -> list[dict[str, Any]]:
        self._pause()
        return self.messages

    def _message(self, item: Item, path: str) -> None:
        only(item, MESSAGE, path, self.terms)
        role, content, where = item.get("role"), item.get("content"), f"{path}.content"
        if role == "assistant":
            self._speak()
            self.said += parts_of(content, where, self.terms, SAID)
        elif role == "user":
            self._add("user", parts_of(content, where, self.terms, ASKED))
        elif role in ("system", "developer"):  # few servers know the newer name
            self._add("system", parts_of(content, where, self.terms, TOLD))
        else:
            raise malformed(f"{path}.role", "must be user, assistant, system or developer")

    def _add(self, role: str, parts: list[Part]) -> None:
        self._pause()
        if parts:
            self.messages.append({"role": role, "content": content_of(parts)})

    def _speak(self) -> dict[str, Any]:
        if self.turn is None:
            self.turn = {"role": "assistant"}
        return self.turn

    def _pause(self) -> None:
        """The assistant's turn is over."""
        turn, said = self.turn, self.said
        self.turn, self.said = None, []
        if turn is None:
            return
        if not (said or "tool_calls" in turn):
            if len(turn) > 1:  # thoughts alone answer nothing
                self.terms.drops(LEFT_OUT)
            return
        calls = {"tool_calls": turn.pop("tool_calls")} if "tool_calls" in turn else {}
        self.messages.append({**turn, "content": content_of(said) if said else None, **calls})

    def _function_call(self, item: Item, path: str) -> None:
        only(item, CALL | {"arguments"}, path, self.terms)
        self._call(item, text(item.get("arguments"), f"{path}.arguments"), path)

    def _custom_call(self, item: Item, path: str) -> None:
        only(item, CALL | {"input"}, path, self.terms)
        self._call(item, custom_arguments(text(item.get("input"), f"{path}.input")), path)

    def _call(self, item: Item, arguments: str, path: str) -> None:
        self._check_caller(item, path)
        if item.get("async", False) is not False:
            self.terms.cannot(f"{path}.async", "the model waits for all tools there")
        call = {
            "id": text(item.get("call_id"), f"{path}.call_id"),
            "type": "function",
            "function": {"name": text(item.get("name"), f"{path}.name"), "arguments": arguments},
        }
        self._speak().setdefault("tool_calls", []).append(call)

    def _result(self, item: Item, path: str) -> None:
        only(item, RESULT, path, self.terms)
        self._check_caller(item, path)
        self._pause()
        kinds = ASKED if self.beyond.shown_results else TOLD
        parts = parts_of(item.get("output"), f"{path}.output", self.terms, kinds)
        call_id = text(item.get("call_id"), f"{path}.call_id")
        content = content_of(parts) if parts else ""
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _check_caller(self, item: Item, path: str) -> None:
        if item.get("caller", DIRECT) != DIRECT:
            self.terms.cannot(f"{path}.caller", "no programs run there")

    def _reasoning(self, item: Item, path: str) -> None:
        """Thoughts go back to who asks for them, and are left out everywhere else; that is never refused."""
        only(item, {*KEPT, "summary", "content", "encrypted_content"}, path, self.terms)
        blocks = unsealed(text(item.get("encrypted_content", ""), f"{path}.encrypted_content"))
        written = _summary(item, path)
        if blocks and self.beyond.thinking_blocks:
            self._speak().setdefault("thinking_blocks", []).extend(blocks)
        elif blocks is not None and written and self.beyond.reasoning_field:
            turn, name = self._speak(), self.beyond.reasoning_field
            turn[name] = turn.get(name, "") + written
        else:
            self.terms.drops(LEFT_OUT)


def _summary(item: Item, path: str) -> str:
    made = []
    for place, value in enumerate(items(item.get("summary", []), f"{path}.summary")):
        where = f"{path}.summary[{place}]"
        made.append(text(mapping(value, where).get("text"), f"{where}.text"))
    return "".join(made)
