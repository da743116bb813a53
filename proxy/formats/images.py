"""OpenAI's pictures (https://platform.openai.com/docs/api-reference/images): made, edited and varied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Progress
from proxy.formats.media import Media
from quotas.needs import Made


class Images(Media):
    last = frozenset({"image_generation.completed", "image_edit.completed"})

    def made(self, answer: Mapping[str, Any]) -> Made:
        pictures = answer.get("data")
        return Made(images=len(pictures) if isinstance(pictures, list) else None)

    def take(self, found: Mapping[str, Any], progress: Progress) -> None:
        """Of a stream that breaks off nobody knows how far the others were: only all of them count."""
        if found.get("type") in self.last and progress.ended + 1 >= progress.choices:
            progress.made = Made(images=progress.choices)
