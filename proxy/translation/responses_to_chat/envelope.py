"""The object that a response is: what its request said, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Unreadable
from proxy.formats.chat import Chat

LONGEST_NAME = 256
TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
BROKEN = {"code": "server_error", "message": "The provider broke its answer off with an error."}


class Envelope:
    """What all is told of one response, but for its items."""

    def __init__(self, repeated: Mapping[str, Any], model: str, stem: str, created: int) -> None:
        self.repeated = repeated
        self.id = f"resp_{stem}"
        self.created = created
        self.model = model
        self.named = False
        self.tier: str | None = None
        self.usage: dict[str, Any] | None = None
        self.finish: str | None = None

    def read(self, answer: Mapping[str, Any]) -> None:
        """Takes what a plain answer or a chunk of a stream says beside its choices."""
        model, tier = answer.get("model"), answer.get("service_tier")
        if not self.named and isinstance(model, str) and model:
            self.named, self.model = True, model[:LONGEST_NAME]
        if isinstance(tier, str) and tier in TIERS:
            self.tier = tier
        usage = usage_of(answer)
        # a count that runs along only grows; one that shrinks is wrong
        if usage and (not self.usage or usage["output_tokens"] >= self.usage["output_tokens"]):
            self.usage = usage

    @property
    def status(self) -> str:
        """What comes of it when nothing more is written."""
        ends = {"length": "incomplete", "content_filter": "incomplete", "error": "failed"}
        return ends.get(self.finish or "", "completed")

    def response(self, status: str, output: list[dict[str, Any]], now: int) -> dict[str, Any]:
        reason = {"length": "max_output_tokens"}.get(self.finish or "", self.finish)
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "completed_at": now if status == "completed" else None,
            "error": BROKEN if status == "failed" else None,
            "incomplete_details": {"reason": reason} if status == "incomplete" else None,
            "model": self.model,
            "output": output,
            **self.repeated,
            "service_tier": self.tier,
            "store": False,
            "usage": None if status == "in_progress" else self.usage,
        }


def choice_of(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one that was asked for."""
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            return choice
    return None


def message_of(answer: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """A plain answer's message, and why it ends."""
    choice = choice_of(answer)
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        raise Unreadable("an answer without a message")
    calls = message.get("tool_calls")
    if isinstance(calls, list):  # whole ones, unlike the fragments of a stream
        calls = [{**call, "index": place} for place, call in enumerate(calls) if isinstance(call, dict)]
    return {**message, "tool_calls": calls}, finish_of(choice)


def finish_of(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason else None


def usage_of(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    usage = Chat().usage(answer)
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
