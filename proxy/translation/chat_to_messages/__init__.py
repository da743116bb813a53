"""Clients of OpenAI's chat completions, models served in the format of Anthropic's messages (docs/translation.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.formats.base import Terms
from proxy.translation.chat_to_messages.answer import completion
from proxy.translation.chat_to_messages.request import translated
from proxy.translation.chat_to_messages.stream import ChatStream


@dataclass(slots=True)
class ChatToMessages:
    body: dict[str, Any]
    model: str
    older: bool  # the client speaks of functions, not of tools
    wants_usage: bool
    clock: Callable[[], float]

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return completion(answer, model=self.model, older=self.older, created=int(self.clock()))

    def stream(self) -> ChatStream:
        created = int(self.clock())
        return ChatStream(model=self.model, older=self.older, wants_usage=self.wants_usage, created=created)


def chat_to_messages(
    body: Mapping[str, Any], terms: Terms, clock: Callable[[], float] = time.time
) -> ChatToMessages:
    made = translated(body, terms)
    return ChatToMessages(made, terms.model, bool(body.get("functions")), terms.wants_usage, clock)
