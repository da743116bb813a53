"""OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat), and servers that speak them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.base import (
    Assembly,
    Progress,
    Terms,
    encoded,
    json_texts,
    note_unread,
    parsed_object,
    strings_in,
)
from proxy.formats.chat_assembly import ChatAssembly
from proxy.formats.openai_usage import usage_of

# Fields of a message or delta that hold what the model wrote.
WRITTEN = frozenset({"content", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call"})


class Chat:
    """`cap_field` is how the output is capped where the client names no maximum; `asks_usage` whether a stream has to be
    asked for its usage."""

    def __init__(self, cap_field: str = "max_completion_tokens", asks_usage: bool = True) -> None:
        self.cap_field = cap_field
        self.asks_usage = asks_usage

    def changes(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if body.get("model") != terms.model:
            changes["model"] = terms.model
        self._cap(body, terms.output_cap, changes)
        if terms.stream:
            if body.get("stream") is not True:  # the client wants a plain answer of it
                changes["stream"] = True
            options = body.get("stream_options") or {}
            if self.asks_usage and options.get("include_usage") is not True:
                changes["stream_options"] = {**options, "include_usage": True}
        return changes

    def _cap(self, body: Mapping[str, Any], output_cap: int, changes: dict[str, Any]) -> None:
        """What was reserved is also the most that the provider may write."""
        named = [name for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None]
        for name in named or [self.cap_field]:
            if body.get(name) != output_cap:
                changes[name] = output_cap

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        found = answer.get("usage")
        if not isinstance(found, dict):
            extra = answer.get("x_groq")
            found = extra.get("usage") if isinstance(extra, dict) else None
        tier = answer.get("service_tier")
        if not isinstance(found, dict):
            return None
        return usage_of(found, tier if isinstance(tier, str) else None, of_text=True)

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None:
        for choice in _choices(answer):
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                return reason
        return None

    def output_text(self, answer: Mapping[str, Any]) -> str:
        found: list[str] = []
        for choice in _choices(answer):
            _collect(choice.get("message"), found)
        return "".join(found)

    def assembly(self) -> Assembly | None:
        return ChatAssembly()

    def raw_usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        return {
            "prompt_tokens": input_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        }

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        progress.chunk = None
        if data == b"[DONE]":
            progress.done = True
            return event
        chunk = parsed_object(data)
        if chunk is None:
            note_unread(data, progress)
            return event
        if chunk.get("error") and not chunk.get("choices"):
            progress.failed = True
            return b""  # ours follows
        progress.chunk = chunk
        choices = _choices(chunk)
        for choice in choices:
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                progress.finish_reason = reason
            self.take_text(choice, progress)
        usage = self.usage(chunk) if chunk.get("usage") or chunk.get("x_groq") else None
        if usage is not None and (
            progress.usage is None or usage.output_tokens >= progress.usage.output_tokens
        ):
            progress.usage = usage  # a count that runs along only grows; one that shrinks is wrong
            progress.output.believe(usage.output_tokens)
        return event if wants_usage or "usage" not in chunk else _without_usage(event, chunk, choices)

    def take_text(self, choice: Mapping[str, Any], progress: Progress) -> None:
        """Notes what a choice of a chunk has written."""
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        output = progress.output
        for name, value in delta.items():
            if value and name in WRITTEN:
                if isinstance(value, str):
                    output.add(value)
                    continue
                for text in _texts(name, value):
                    output.add(text)
                if name == "tool_calls" and isinstance(value, list):
                    for call in value:
                        if isinstance(call, dict):
                            output.call(choice.get("index"), _number(call))

    def on_end(self, progress: Progress) -> bytes:
        return b""  # many servers end without [DONE]


def _without_usage(event: bytes, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bytes:
    """The event for a client that did not ask for usage, although the provider was asked."""
    if not choices and chunk["usage"] is not None:
        return b""
    if chunk["usage"] is None and event.count(b',"usage":null') == 1:
        return event.replace(b',"usage":null', b"")
    del chunk["usage"]
    return b"data: " + encoded(chunk) + b"\n\n"


def _choices(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = answer.get("choices")
    if not isinstance(choices, list):
        return []
    if len(choices) == 1 and isinstance(choices[0], dict):  # as nearly always
        return choices
    return [choice for choice in choices if isinstance(choice, dict)]


def _number(call: Mapping[str, Any]) -> str:
    return str(call.get("index", call.get("id")))


def _collect(message: Any, found: list[str]) -> None:
    """Every text of a whole message."""
    if isinstance(message, dict):
        for name, value in message.items():
            if name in WRITTEN:
                found.extend([value] if isinstance(value, str) else _texts(name, value))


def _texts(name: str, value: Any) -> Iterator[str]:
    """What is written in a field that is no plain text: calls of functions, or parts as some servers write them."""
    if name == "tool_calls":
        calls = value if isinstance(value, list) else []
        functions = [call.get("function") for call in calls if isinstance(call, dict)]
    elif name == "function_call":
        functions = [value]
    else:
        yield from strings_in(value if isinstance(value, list) else [])
        return
    for function in functions:
        if isinstance(function, dict):
            for part in ("name", "arguments"):
                if isinstance(text := function.get(part), str):
                    yield text
                elif isinstance(text, dict) and text:  # some servers write no JSON inside JSON
                    yield from json_texts(text)
