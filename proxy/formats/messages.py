"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.anthropic_usage import merged, usage_of
from proxy.formats.base import Assembly, Progress, Terms, json_texts, note_unread, parsed_object
from proxy.formats.messages_assembly import MessageAssembly

LEAST_BUDGET = 1024  # tokens to think with
# Fields of a delta that hold what the model wrote.
DELTAS = ("text", "thinking", "partial_json")


class Messages:
    def changes(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if body.get("model") != terms.model:
            changes["model"] = terms.model
        if body.get("max_tokens") != terms.output_cap:
            changes["max_tokens"] = terms.output_cap
        thinking = body.get("thinking")
        if isinstance(thinking, dict) and isinstance(budget := thinking.get("budget_tokens"), int):
            room = max(LEAST_BUDGET, terms.output_cap - 1)  # it must stay below the output's cap
            if budget > room:
                changes["thinking"] = {**thinking, "budget_tokens": room}
        if terms.stream and body.get("stream") is not True:
            changes["stream"] = True
        return changes

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        found = answer.get("usage")
        return usage_of(found) if isinstance(found, dict) else None

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None:
        reason = answer.get("stop_reason")
        return reason if isinstance(reason, str) and reason else None

    def output_text(self, answer: Mapping[str, Any]) -> str:
        content = answer.get("content")
        blocks = content if isinstance(content, list) else []
        return "".join(text for block in blocks if isinstance(block, dict) for text in _texts(block))

    def assembly(self) -> Assembly | None:
        return MessageAssembly()

    def raw_usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        return {"input_tokens": input_tokens, "output_tokens": output_tokens}

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        progress.chunk = None
        chunk = parsed_object(data)
        if chunk is None:
            note_unread(data, progress)
            return event
        progress.chunk = chunk
        kind = chunk.get("type")
        if kind == "content_block_delta":
            self._take_delta(chunk.get("delta"), progress)
        elif kind == "error":
            progress.failed = True
            progress.chunk = None
            return b""  # ours follows
        elif kind == "message_stop":
            progress.done = True
        elif kind == "content_block_start":
            self._take_block(chunk.get("content_block"), progress)
        elif kind in ("message_start", "message_delta"):
            self._take_figures(chunk, progress)
        return event

    def on_end(self, progress: Progress) -> bytes:
        progress.failed = progress.failed or not progress.done
        return b""

    def _take_delta(self, delta: Any, progress: Progress) -> None:
        if isinstance(delta, dict):
            for name in DELTAS:
                text = delta.get(name)
                if isinstance(text, str) and text:
                    progress.output.add(text)

    def _take_block(self, block: Any, progress: Progress) -> None:
        """Calls of tools begin with a name; what surrounds them counts too."""
        if isinstance(block, dict):
            for text in _texts(block):
                progress.output.add(text)
            if block.get("type") == "tool_use":
                progress.output.call(block.get("id"))

    def _take_figures(self, chunk: Mapping[str, Any], progress: Progress) -> None:
        message = chunk.get("message") if chunk["type"] == "message_start" else chunk
        if not isinstance(message, dict):
            return
        delta = message.get("delta")
        if isinstance(delta, dict) and (reason := self.finish_reason(delta)):
            progress.finish_reason = reason
        said = message.get("usage")
        if isinstance(said, dict):
            progress.figures = merged(progress.figures, said)
            usage = usage_of(progress.figures)
            if usage is not None and not _is_behind(usage, progress):
                progress.usage = usage
                progress.early = chunk["type"] == "message_start"
                if not progress.early:
                    progress.output.believe(usage.output_tokens)


def _is_behind(usage: Usage, progress: Progress) -> bool:
    """Less than was said before. Or nothing at all, although something was written before a refusal: an end of our own, for
    what was found in an answer, says no more than that."""
    known = 0 if progress.usage is None else progress.usage.output_tokens
    refused = progress.finish_reason == "refusal" and progress.output.size > 0
    return usage.output_tokens < known or (usage.output_tokens == 0 and refused)


def _texts(block: Mapping[str, Any]) -> Iterator[str]:
    """What is written in a block of an answer."""
    for name in ("text", "thinking", "name"):
        if isinstance(text := block.get(name), str) and text:
            yield text
    given = block.get("input")
    if isinstance(given, dict) and given:
        yield from json_texts(given)
