"""Chat messages as a system prompt and turns of user and assistant."""

from __future__ import annotations

import re
from typing import Any

import orjson

from orbit.lib import numbers
from orbit.lib.body import DEPTH, nests_too_deep
from proxy.formats.base import Terms
from proxy.translation.chat_to_messages.abilities import abilities_of
from proxy.translation.chat_to_messages.parts import MARKS, SAID, SHOWN, TEXT, Block, blocks_of, mark
from proxy.translation.reading import items, malformed, mapping, only, text

# What a client may send back of an answer, and no model reads: reasoning without a signature, and citations.
ANSWERED = frozenset({"reasoning_content", "annotations", "citations"})
SPOKEN = frozenset({"refusal", "tool_calls", "function_call", "thinking_blocks"}) | ANSWERED
FIELDS: dict[str, frozenset[str]] = {
    "system": frozenset(),
    "developer": frozenset(),
    "user": frozenset(),
    "assistant": SPOKEN,
    "tool": frozenset({"tool_call_id", "name"}),  # the name is that of the call
    "function": frozenset({"name"}),
}
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")


class Turns:
    """`system` and `messages` as they grow, message by message."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self.unanswered: list[
            tuple[str, str]
        ] = []  # names and made-up ids of function calls of the older form
        self.older = 0  # how many of them came
        self.spoken = ""  # the path of the last assistant message
        self.amid = ""  # the path of the last system message in the middle

    def take(self, place: int, value: Any) -> None:
        path = f"messages[{place}]"
        message = mapping(value, path)
        role = message.get("role")
        if not isinstance(role, str) or role not in FIELDS:
            raise malformed(f"{path}.role", f"must be one of {', '.join(FIELDS)}")
        only(message, {"role", "content", *MARKS, *FIELDS[role]}, path, self.terms)
        if role in ("system", "developer"):
            self._instruct(message, path)
        elif role == "assistant":
            self._answer(message, path)
        elif role == "user":
            self._ask(self._content(message, path, SHOWN))
        else:
            self._result(message, path)

    def end(self) -> None:
        """What must hold of the whole."""
        last = self.messages[-1]["role"] if self.messages else ""
        if last == "assistant" and not abilities_of(self.terms.model).continues:
            self.terms.cannot(self.spoken, "this model does not answer after an assistant message")
            self.messages.pop()
        if not self.messages:
            raise malformed("messages", "must hold a message of a user with something in it")

    def _content(self, message: dict[str, Any], path: str, kinds: frozenset[str]) -> list[Block]:
        blocks = blocks_of(message.get("content"), f"{path}.content", self.terms, kinds)
        mark(blocks, message, path, self.terms)
        return blocks

    def _instruct(self, message: dict[str, Any], path: str) -> None:
        blocks = self._content(message, path, TEXT)
        if not blocks:
            return
        if not self.messages:
            self.system += blocks
        elif abilities_of(self.terms.model).takes_system_turns and self.messages[-1]["role"] != "assistant":
            self._add("system", blocks)
            self.amid = path
        else:
            self._misplaced(path)
            self.system += blocks

    def _misplaced(self, path: str) -> None:
        self.terms.cannot(
            path, "instructions come first there; what stands in the middle would lose its place"
        )

    def _ask(self, blocks: list[Block], results: bool = False) -> None:
        if blocks and self.messages and self.messages[-1]["role"] == "system":
            # such a turn must be the last, or stand before one of the assistant
            self._misplaced(self.amid)
            self.system += self.messages.pop()["content"]
        self._add("user", blocks, results)

    def _add(self, role: str, blocks: list[Block], results: bool = False) -> None:
        """Another turn, or more of the same one. Results of tools stand before all else."""
        if not blocks:
            return
        if not self.messages or self.messages[-1]["role"] != role:
            self.messages.append({"role": role, "content": []})
        content = self.messages[-1]["content"]
        place = len(content)
        if results:
            place = sum(one["type"] == "tool_result" for one in content)
        content[place:place] = blocks

    def _answer(self, message: dict[str, Any], path: str) -> None:
        blocks = self._thoughts(message, path)
        blocks += blocks_of(message.get("content"), f"{path}.content", self.terms, SAID)
        if "refusal" in message:
            blocks += blocks_of(text(message["refusal"], f"{path}.refusal"), path, self.terms, SAID)
        for place, value in enumerate(items(message.get("tool_calls", []), f"{path}.tool_calls")):
            blocks += self._call(value, f"{path}.tool_calls[{place}]")
        if "function_call" in message:
            where = f"{path}.function_call"
            use = _use(f"function_call_{self.older}", message["function_call"], where)
            self.unanswered.append((use["name"], use["id"]))
            self.older += 1
            blocks.append(use)
        mark(blocks, message, path, self.terms)
        self.spoken = path
        self._add("assistant", blocks)

    def _thoughts(self, message: dict[str, Any], path: str) -> list[Block]:
        made: list[Block] = []
        for place, value in enumerate(items(message.get("thinking_blocks", []), f"{path}.thinking_blocks")):
            where = f"{path}.thinking_blocks[{place}]"
            block = mapping(value, where)
            if block.get("type") == "redacted_thinking":
                made.append({"type": "redacted_thinking", "data": text(block.get("data"), f"{where}.data")})
            elif block.get("type") == "thinking":
                signature = text(block.get("signature"), f"{where}.signature")
                thinking = text(block.get("thinking", ""), f"{where}.thinking")
                made.append({"type": "thinking", "thinking": thinking, "signature": signature})
            else:
                raise malformed(f"{where}.type", "must be thinking or redacted_thinking")
        return made

    def _call(self, value: Any, path: str) -> list[Block]:
        call = mapping(value, path)
        if call.get("type", "function") != "function":
            self.terms.cannot(f"{path}.type", "only functions can be called there")
            return []
        # a call's place in its list is a figure of streams that some clients keep
        only(call, {"id", "type", "function", "index", "cache_control"}, path, self.terms)
        use = _use(_plain_id(call.get("id"), f"{path}.id"), call.get("function"), f"{path}.function")
        mark([use], call, path, self.terms)
        return [use]

    def _result(self, message: dict[str, Any], path: str) -> None:
        if message["role"] == "tool":
            name = _plain_id(message.get("tool_call_id"), f"{path}.tool_call_id")
        else:
            name = self._answered(text(message.get("name"), f"{path}.name"), path)
        result: Block = {"type": "tool_result", "tool_use_id": name}
        content = blocks_of(message.get("content"), f"{path}.content", self.terms, SHOWN)
        if content:
            result["content"] = content
        mark([result], message, path, self.terms)
        self._ask([result], results=True)

    def _answered(self, name: str, path: str) -> str:
        """The id of the older call that a function's message answers."""
        for call in self.unanswered:
            if call[0] == name:
                self.unanswered.remove(call)
                return call[1]
        raise malformed(f"{path}.name", "answers no function_call before it")


def _use(name: str, value: Any, path: str) -> Block:
    function = mapping(value, path)
    return {
        "type": "tool_use",
        "id": name,
        "name": text(function.get("name"), f"{path}.name"),
        "input": _arguments(function.get("arguments", ""), f"{path}.arguments"),
    }


def _arguments(value: Any, path: str) -> dict[str, Any]:
    written = text(value, path)
    try:
        found = numbers.read((written or "{}").encode())
        deep = nests_too_deep(written.encode())
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        found, deep = None, False
    if not isinstance(found, dict) or deep:
        raise malformed(path, f"must be a JSON object of no more than {DEPTH} levels, written as a text")
    return found


def _plain_id(value: Any, path: str) -> str:
    """An id as Anthropic takes it: other vendors' may hold dots and colons."""
    if not text(value, path):
        raise malformed(path, "must not be empty")
    return _NO_ID.sub("_", value)
