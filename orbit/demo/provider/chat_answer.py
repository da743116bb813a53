"""What the model says: text, structured JSON or tool calls, already cut into tokens."""

import zlib
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from . import tokens
from .behaviour import Behaviour, strip_directives
from .chat_request import ChatRequest
from .prose import Prose
from .schema import example_of

# So that the choices of one request (`n`) differ.
_BETWEEN_CHOICES = 977


class Asked(Protocol):
    """What a request says of the text that it wants, in either vendor's format."""

    @property
    def answer_schema(self) -> dict[str, Any] | None: ...

    @property
    def user_text(self) -> str: ...

    @property
    def tool_result(self) -> str | None: ...


@dataclass(slots=True)
class ToolCall:
    id: str
    name: str
    name_tokens: int
    pieces: list[str]


@dataclass(slots=True)
class Choice:
    index: int
    finish_reason: str
    reasoning: int = 0
    pieces: list[str] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        called = sum(call.name_tokens + len(call.pieces) for call in self.tool_calls)
        return self.reasoning + len(self.pieces) + called


def make_choices(request: ChatRequest, behaviour: Behaviour, prose: Prose) -> list[Choice]:
    seed = zlib.crc32(orjson.dumps(request.messages))
    limit = request.max_tokens or request.model.max_output_tokens
    return [
        _cut(
            _choice(request, behaviour, prose, index, seed + index * _BETWEEN_CHOICES),
            request,
            limit,
        )
        for index in range(request.choices)
    ]


def _choice(request: ChatRequest, behaviour: Behaviour, prose: Prose, index: int, seed: int) -> Choice:
    wants_tools = request.tools and request.tool_result is None and behaviour.tool_calls != 0
    if wants_tools:
        calls = [_call(request, seed, number) for number in range(behaviour.tool_calls or 1)]
        reason = "stop" if request.forced_tool else "tool_calls"
        return Choice(index, reason, behaviour.reasoning, tool_calls=calls)
    return Choice(
        index,
        "stop",
        behaviour.reasoning,
        pieces=text_pieces(request, behaviour, prose, seed),
    )


def text_pieces(request: Asked, behaviour: Behaviour, prose: Prose, seed: int) -> list[str]:
    if behaviour.echo:
        return tokens.pieces(strip_directives(request.user_text))
    if request.answer_schema is not None:
        value = example_of(request.answer_schema, hint=strip_directives(request.user_text))
        return tokens.pieces(orjson.dumps(value).decode())
    if behaviour.tokens is not None:
        return prose.exactly(behaviour.tokens, seed)
    if request.tool_result is not None:
        return tokens.pieces(f"According to the tool: {request.tool_result[:200]}\n\n") + prose.answer(seed)
    return prose.answer(seed)


def _call(request: ChatRequest, seed: int, number: int) -> ToolCall:
    hint = strip_directives(request.user_text)
    function = chosen_tool(request.tools, request.forced_tool, hint, number)
    name = function["name"]
    arguments = orjson.dumps(example_of(function.get("parameters"), hint=hint)).decode()
    return ToolCall(
        id=f"call_demo{seed:010d}{number:04d}",
        name=name,
        name_tokens=tokens.count(name),
        pieces=tokens.pieces(arguments),
    )


def chosen_tool(tools: list[dict[str, Any]], forced: str, hint: str, number: int) -> dict[str, Any]:
    """The forced tool, else the one whose name the user's words touch, else one after the other."""
    if forced:
        return next(tool for tool in tools if tool["name"] == forced)
    words = hint.lower()
    touched = [
        tool
        for tool in tools
        if any(len(part) > 3 and part in words for part in tool["name"].lower().split("_"))
    ]
    offered = touched or tools
    return offered[number % len(offered)]


def _cut(choice: Choice, request: ChatRequest, limit: int) -> Choice:
    """Stop sequences first, then the token limit, exactly."""
    if request.stops and choice.pieces:
        text = "".join(choice.pieces)
        ends = [found for stop in request.stops if (found := text.find(stop)) >= 0]
        if ends:
            choice.pieces = tokens.pieces(text[: min(ends)])
    if choice.tokens <= limit:
        return choice
    choice.finish_reason = "length"
    choice.reasoning = min(choice.reasoning, limit)
    left = limit - choice.reasoning
    choice.pieces = choice.pieces[:left]
    kept = []
    for call in choice.tool_calls:
        if call.name_tokens > left:
            break
        left -= call.name_tokens
        call.pieces = call.pieces[:left]
        left -= len(call.pieces)
        kept.append(call)
    choice.tool_calls = kept
    return choice
