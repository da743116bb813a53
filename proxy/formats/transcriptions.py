"""OpenAI's transcriptions and translations of sound (https://platform.openai.com/docs/api-reference/audio)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Progress
from proxy.formats.media import JSON, Media
from quotas.needs import MOST, Made


class Transcriptions(Media):
    """Answers may be subtitles or bare text, which say nothing of what they cost."""

    kinds = frozenset({JSON, "text/plain", "text/srt", "text/vtt", "application/x-subrip"})
    last = frozenset({"transcript.text.done"})

    def made(self, answer: Mapping[str, Any]) -> Made:
        return Made(seconds=_seconds(answer.get("duration")))

    def output_text(self, answer: Mapping[str, Any]) -> str:
        text = answer.get("text")
        return text if isinstance(text, str) else ""

    def take(self, found: Mapping[str, Any], progress: Progress) -> None:
        text = found.get("delta")
        if found.get("type") == "transcript.text.delta" and isinstance(text, str):
            progress.output.add(text)


def _seconds(value: Any) -> int | None:
    """Seconds begun. Older servers write the number as a text."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else math.nan
    except ValueError:
        return None
    return math.ceil(seconds) if 0 <= seconds < MOST else None
