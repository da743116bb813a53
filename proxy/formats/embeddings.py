"""OpenAI's embeddings (https://platform.openai.com/docs/api-reference/embeddings)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.base import Assembly, Progress, Terms
from proxy.formats.openai_usage import usage_of


class Embeddings:
    """Nothing is written, and nothing streams."""

    def changes(self, body: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
        return {} if body.get("model") == terms.model else {"model": terms.model}

    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        found = answer.get("usage")
        return usage_of(found) if isinstance(found, dict) else None

    def finish_reason(self, answer: Mapping[str, Any]) -> str | None:
        return None

    def output_text(self, answer: Mapping[str, Any]) -> str:
        return ""

    def assembly(self) -> Assembly | None:
        return None

    def raw_usage(self, input_tokens: int, output_tokens: int) -> dict[str, Any]:
        return {"prompt_tokens": input_tokens, "total_tokens": input_tokens}

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        return event

    def on_end(self, progress: Progress) -> bytes:
        return b""
