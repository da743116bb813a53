"""What Claude says: thinking, text, structured JSON or tool uses, already cut into tokens."""

import zlib
from dataclasses import dataclass, field
from typing import Literal

import orjson

from . import tokens
from .behaviour import Behaviour, strip_directives
from .chat_answer import chosen_tool, text_pieces
from .messages_content import REDACTED
from .messages_request import MessagesRequest
from .prose import Prose
from .schema import example_of
from .thinking import sign

# So that thinking and text of one answer differ.
_BETWEEN_BLOCKS = 977
_EMPTY_TOO = ("thinking", "redacted_thinking")


@dataclass(slots=True)
class Block:
    """`signature` is a thinking block's, or the sealed content of a redacted one."""

    kind: Literal["thinking", "redacted_thinking", "text", "tool_use"]
    pieces: list[str] = field(default_factory=list)
    signature: str = ""
    id: str = ""
    name: str = ""
    name_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        return self.name_tokens + len(self.pieces)


@dataclass(slots=True)
class Answer:
    """`unseen` tokens of thinking are made before anything is shown."""

    blocks: list[Block]
    stop_reason: str
    stop_sequence: str | None = None
    unseen: int = 0

    @property
    def tokens(self) -> int:
        return self.unseen + sum(block.tokens for block in self.blocks)

    @property
    def thinking_tokens(self) -> int:
        return self.unseen + sum(block.tokens for block in self.blocks if block.kind == "thinking")


def make_answer(request: MessagesRequest, behaviour: Behaviour, prose: Prose, room: int) -> Answer:
    """`room` is what the context window leaves for the answer."""
    seed = zlib.crc32(orjson.dumps(request.turns))
    answer = _thought(request, behaviour, prose, seed + _BETWEEN_BLOCKS)
    choice = request.choice
    if choice.tools and request.tool_result is None and behaviour.tool_calls != 0:
        answer.stop_reason = "tool_use"
        if behaviour.preamble:
            answer.blocks.append(Block("text", prose.exactly(behaviour.preamble, seed)))
        calls = 1 if choice.one_at_most else behaviour.tool_calls or 1
        answer.blocks += [_tool_use(request, seed, number) for number in range(calls)]
    else:
        answer.blocks.append(Block("text", text_pieces(request, behaviour, prose, seed)))
    _stop(answer, request.stops)
    _cut(answer, request.max_tokens, "max_tokens")
    _cut(answer, room, "model_context_window_exceeded")
    answer.blocks = [block for block in answer.blocks if block.tokens or block.kind in _EMPTY_TOO]
    for block in answer.blocks:
        if block.kind == "thinking":
            block.signature = sign(block.text, seed)
    answer.stop_reason = behaviour.stop_reason or answer.stop_reason
    return answer


def _thought(request: MessagesRequest, behaviour: Behaviour, prose: Prose, seed: int) -> Answer:
    """The beginning of the answer; thinking that the request did not ask for stays unseen."""
    answer = Answer([], "end_turn")
    thinking = request.thinking
    if thinking is None:
        answer.unseen = behaviour.reasoning
        return answer
    wanted = behaviour.reasoning or thinking.tokens(request.effort)
    if behaviour.redacted_thinking:
        answer.unseen = wanted
        answer.blocks.append(Block("redacted_thinking", signature=sign(REDACTED, seed)))
    elif thinking.shown:
        answer.blocks.append(Block("thinking", prose.exactly(wanted, seed)))
    else:
        answer.unseen = wanted
        answer.blocks.append(Block("thinking"))
    return answer


def _tool_use(request: MessagesRequest, seed: int, number: int) -> Block:
    hint = strip_directives(request.user_text)
    tool = chosen_tool(request.choice.tools, request.choice.forced_tool, hint, number)
    arguments = orjson.dumps(example_of(tool["parameters"], hint=hint)).decode()
    return Block(
        "tool_use",
        tokens.pieces(arguments),
        id=f"toolu_demo{seed:010d}{number:04d}",
        name=tool["name"],
        name_tokens=tokens.count(tool["name"]),
    )


def _stop(answer: Answer, stops: tuple[str, ...]) -> None:
    for number, block in enumerate(answer.blocks, start=1):
        text = block.text if block.kind == "text" else ""
        found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
        if found:
            place, answer.stop_sequence = min(found)
            answer.stop_reason = "stop_sequence"
            block.pieces = tokens.pieces(text[:place])
            del answer.blocks[number:]
            return


def _cut(answer: Answer, limit: int, reason: str) -> None:
    if answer.tokens <= limit:
        return
    answer.stop_reason, answer.stop_sequence = reason, None
    answer.unseen = min(answer.unseen, limit)
    left = limit - answer.unseen
    kept = []
    for block in answer.blocks:
        if block.name_tokens > left or (not left and block.tokens):
            break
        block.pieces = block.pieces[: left - block.name_tokens]
        left -= block.tokens
        kept.append(block)
    answer.blocks = kept
