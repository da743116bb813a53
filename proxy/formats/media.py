"""What formats have in common whose answers are no text of a model: pictures, sound, words about sound, verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.base import Assembly, Progress, Terms, parsed_object
from proxy.formats.openai_usage import usage_of
from quotas.needs import Made

JSON = "application/json"


class Media:
    """`kinds` are the media types that answers may have, `flowing` those of them that are passed on as they come.

    Streams of events hold JSON objects whose `type` says what they are; one ends with as many events of a type in
    `last` as there are choices.
    """

    kinds: frozenset[str] = frozenset({JSON})
    flowing: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()

    def changes(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        return {} if body.get("model") == terms.model else {"model": terms.model}

    # plain answers

    def read(self, content: bytes, content_type: str) -> Mapping[str, Any] | None:
        """What a plain answer says of itself; None when it is none."""
        kind = kind_of(content_type)
        if kind not in self.kinds:
            return None
        return parsed_object(content) if kind == JSON else {}

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        found = answer.get("usage")
        return usage_of(found) if isinstance(found, dict) else None

    def made(self, answer: Mapping[str, Any]) -> Made:
        """What an answer shows of the work done, for those without usage."""
        return Made()

    def flowed(self, head: bytes, size: int, content_type: str) -> Made:
        """The same of an answer that was passed on as it came, by its first bytes and its size."""
        return Made()

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None:
        return None

    def output_text(self, answer: Mapping[str, Any]) -> str:
        return ""

    def assembly(self) -> Assembly | None:
        return None

    def raw_usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        total = input_tokens + output_tokens
        return {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": total}

    # streams of events

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        found = None if progress.done else parsed_object(data)
        if found is None:
            return event
        if isinstance(found.get("error"), dict) or found.get("type") == "error":
            progress.failed = True
            return b""  # ours follows
        self.take(found, progress)
        if found.get("type") in self.last:
            self._end(found, progress)
        return event

    def take(self, found: Mapping[str, Any], progress: Progress) -> None:
        """Notes what an event shows of the work done."""

    def _end(self, found: Mapping[str, Any], progress: Progress) -> None:
        usage = self.usage(found)
        if usage is not None:
            progress.usage = usage if progress.usage is None else _both(progress.usage, usage)
        progress.ended += 1
        progress.done = progress.ended >= progress.choices

    def on_end(self, progress: Progress) -> bytes:
        """A stream without any of its last events broke off; one with some may have been asked for fewer."""
        progress.done = progress.ended > 0
        progress.failed = not progress.done
        return b""


def kind_of(content_type: str) -> str:
    """The media type alone."""
    return content_type.partition(";")[0].strip().lower()


def _both(one: Usage, other: Usage) -> Usage:
    """Of two choices of the same call, each of which tells its own."""
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        raw=other.raw,
        anomaly=one.anomaly or other.anomaly,
        parts=dict(Counter(one.parts) + Counter(other.parts)),
        units=dict(Counter(one.units) + Counter(other.units)),
        service_tier=other.service_tier,
    )
