"""The messages of a conversation, in the order that chat completions demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orbit.lib import numbers
from proxy.formats.base import Terms
from proxy.formats.chat_options import SIGNATURE, Options
from proxy.translation.messages_to_chat.content import (
    BREAK,
    FIELDS,
    SEEN,
    Part,
    joined,
    parts_of,
    refuse,
    text_block,
)
from proxy.translation.messages_to_chat.fields import (
    blocks_of,
    note,
    object_of,
    object_or_nothing,
    objects,
    only,
    text_of,
    wrong,
)
from proxy.translation.messages_to_chat.names import Names, sent_id

MESSAGE = frozenset({"role", "content", "clear_at", "output_config"})  # the last two of a system's alone
CLEARED = (None, "never", "next_user_message")


@dataclass(slots=True)
class Turn:
    """Messages of one role that follow one another: Anthropic takes them for one."""

    role: str
    path: str
    blocks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def turns(messages: Any, terms: Terms) -> Iterator[Turn]:
    found = list(objects(messages, "messages"))
    last_user = max((index for index, (_, one) in enumerate(found) if one.get("role") == "user"), default=-1)
    turn: Turn | None = None
    for index, (path, message) in enumerate(found):
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise wrong(f"{path}.role", "must be user, assistant or system")
        only(message, MESSAGE if role == "system" else MESSAGE - {"clear_at"}, path, terms)
        if message.get("output_config"):
            terms.cannot(f"{path}.output_config", "chat completions have one effort for all turns")
        clear_at = message.get("clear_at") if role == "system" else None
        if clear_at not in CLEARED:
            terms.cannot(f"{path}.clear_at", f"{clear_at!r} is unknown")
        if clear_at == "next_user_message" and index < last_user:
            continue  # the model is not to see it any more
        if turn is None or turn.role != role or role == "system":
            if turn is not None:
                yield turn
            turn = Turn(role, path)
        if message.get("content") is not None or role != "system":
            turn.blocks += blocks_of(message.get("content"), f"{path}.content")
    if turn is not None:
        yield turn


class Conversation:
    def __init__(self, terms: Terms, options: Options, names: Names) -> None:
        self.terms = terms
        self.options = options
        self.names = names
        self.messages: list[dict[str, Any]] = []
        self.calls: dict[str, tuple[str, str]] = {}  # those of the last turn: id to path and name
        self.known: set[str] = set()  # the ids of all calls

    def read(self, messages: Any) -> list[dict[str, Any]]:
        turn: Turn | None = None
        for turn in turns(messages, self.terms):
            if turn.role != "user":
                self._check_answered()
            self._take(turn)
        self._check_answered()
        if turn is not None and turn.role == "assistant":
            self.terms.cannot(turn.path, "a model of this provider cannot go on with the start of an answer")
            if self.messages and self.messages[-1]["role"] == "assistant":
                self.messages.pop()
        if not self.messages:
            raise wrong("messages", "must hold a message")
        return self.messages

    def _take(self, turn: Turn) -> None:
        if turn.role == "user":
            self._user(turn)
        elif turn.role == "assistant":
            self._assistant(turn)
        elif texts := system_texts(turn.blocks, self.terms):
            self.messages.append({"role": "system", "content": BREAK.join(texts)})

    def _check_answered(self) -> None:
        for call, (path, _) in self.calls.items():
            raise wrong(path, f"is a call {call!r} without a tool_result in the message after it")

    def _assistant(self, turn: Turn) -> None:
        said = Said()
        for path, block in turn.blocks:
            kind = block["type"]
            if kind in ("text", "tool_use", "thinking", "redacted_thinking"):
                only(block, FIELDS[kind], path, self.terms)
            if kind == "text":
                said.say(text_block(block, path, self.terms))
                continue
            said.paused = True
            if kind == "tool_use":
                said.calls.append(self._call(block, path))
            elif kind in ("thinking", "redacted_thinking"):
                self._thought(block, said)
            else:
                refuse(block, path, "a message of the assistant", self.terms)
        if message := said.message(self.options.reasoning_field):
            self.messages.append(message)

    def _thought(self, block: Mapping[str, Any], said: Said) -> None:
        """Only this kind of model can read what it thought; Anthropic too passes over thoughts of older turns."""
        thought = block.get("thinking")
        if self.options.reasoning_field and block.get("signature") == SIGNATURE and isinstance(thought, str):
            said.thoughts.append(thought)
        else:
            note(self.terms, "thinking")

    def _call(self, block: Mapping[str, Any], path: str) -> dict[str, Any]:
        own = text_of(block, "id", path)
        if own in self.known:
            raise wrong(f"{path}.id", "is the id of an earlier call too")
        if object_or_nothing(block, "caller", path).get("type", "direct") != "direct":
            self.terms.cannot(f"{path}.caller", "tools are called by the model alone")
        if block.get("toolset_name") is not None:
            self.terms.cannot(f"{path}.toolset_name", "toolsets are Anthropic's own")
        name = text_of(block, "name", path)
        self.known.add(own)
        self.calls[own] = (path, name)
        arguments = numbers.write(object_of(block, "input", path)).decode()
        function = {"name": self.names.sent(name), "arguments": arguments}
        return {"id": sent_id(own, self.options.short_ids), "type": "function", "function": function}

    def _user(self, turn: Turn) -> None:
        results: dict[str, str] = {}
        shown: list[Part] = []
        said: list[Part] = []
        for path, block in turn.blocks:
            kind = block["type"]
            if kind == "tool_result":
                only(block, FIELDS[kind], path, self.terms)
                self._result(block, path, results, shown)
            elif kind in SEEN:
                said += parts_of(block, path, self.terms)
            else:
                refuse(block, path, "a message of the user", self.terms)
        for call in [one for one in self.calls if one in results]:
            answer = sent_id(call, self.options.short_ids)
            self.messages.append({"role": "tool", "tool_call_id": answer, "content": results[call]})
            del self.calls[call]
        self._check_answered()
        if parts := shown + said:
            self.messages.append({"role": "user", "content": joined(parts)})

    def _result(
        self, block: Mapping[str, Any], path: str, results: dict[str, str], shown: list[Part]
    ) -> None:
        """Its text; what is no text goes to `shown`, because tool messages hold text alone."""
        call = text_of(block, "tool_use_id", path)
        if call not in self.calls or call in results:
            raise wrong(
                f"{path}.tool_use_id", f"({call!r}) names no call of the message before, or one twice"
            )
        if block.get("toolset_name") is not None:
            self.terms.cannot(f"{path}.toolset_name", "toolsets are Anthropic's own")
        found: list[Part] = []
        content = block.get("content")
        for place, one in blocks_of("" if content is None else content, f"{path}.content"):
            if one["type"] in SEEN:
                found += parts_of(one, place, self.terms)
            else:
                refuse(one, place, "the result of a tool", self.terms)
        texts = [part["text"] for part in found if part["type"] == "text"]
        media = [part for part in found if part["type"] != "text"]
        if media:
            name = self.calls[call][1]
            said_id = sent_id(call, self.options.short_ids)
            shown.append({"type": "text", "text": f"Files in the result of call {said_id} ({name}):"})
            shown += media
            texts.append("[Files of this result follow in the next message of the user.]")
        text = BREAK.join(texts)
        results[call] = f"Error: {text}" if block.get("is_error") else text


@dataclass(slots=True)
class Said:
    """One turn of the assistant."""

    text: str = ""
    paused: bool = False  # whether something else came since the last text
    calls: list[dict[str, Any]] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Blocks that touch are pieces of one text: Anthropic cuts it where it cites."""
        self.text += BREAK + text if self.text and self.paused else text
        self.paused = False

    def message(self, reasoning_field: str | None) -> dict[str, Any] | None:
        if not self.text and not self.calls:
            return None
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = self.calls
        if self.thoughts and reasoning_field:
            message[reasoning_field] = BREAK.join(self.thoughts)
        return message


def system_texts(blocks: list[tuple[str, dict[str, Any]]], terms: Terms) -> list[str]:
    texts = []
    for path, block in blocks:
        if block["type"] == "text":
            only(block, FIELDS["text"], path, terms)
            texts.append(text_block(block, path, terms))
        else:
            refuse(block, path, "a system prompt", terms)
    return texts
