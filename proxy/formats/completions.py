"""OpenAI's text completions (https://platform.openai.com/docs/api-reference/completions), older than chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.formats.base import Assembly, Progress
from proxy.formats.chat import Chat


class Completions(Chat):
    """As chat, but that a choice holds its text itself. With `echo` the text begins with the prompt, which a count
    of our own takes for output: only answers without usage are charged by it, and never beyond what was reserved."""

    def __init__(self) -> None:
        super().__init__("max_tokens")

    def output_text(self, answer: Mapping[str, Any]) -> str:
        choices = answer.get("choices")
        texts = (
            [one.get("text") for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
        )
        return "".join(one for one in texts if isinstance(one, str))

    def take_text(self, choice: Mapping[str, Any], progress: Progress) -> None:
        text = choice.get("text")
        if isinstance(text, str) and text:
            progress.output.add(text)

    def assembly(self) -> Assembly | None:
        return None
