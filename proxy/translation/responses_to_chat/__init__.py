"""Clients of OpenAI's responses, models served in the format of chat completions (docs/translation.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from proxy.formats.base import Terms
from proxy.translation.responses_to_chat.envelope import Envelope, message_of
from proxy.translation.responses_to_chat.output import Output
from proxy.translation.responses_to_chat.repeated import repeated
from proxy.translation.responses_to_chat.request import translated
from proxy.translation.responses_to_chat.stream import ResponseEvents
from proxy.translation.responses_to_chat.turns import NOTHING, Beyond

__all__ = ["Beyond", "ResponsesToChat", "responses_to_chat", "responses_to_our_chat"]

OURS = Beyond(thinking_blocks=True, shown_results=True)  # what proxy.translation.chat_to_messages reads


@dataclass(slots=True)
class ResponsesToChat:
    body: dict[str, Any]
    asked: Mapping[str, Any]  # the client's body
    terms: Terms
    customs: frozenset[str]  # names of tools that take a text
    seals: bool  # whether the client wants its thoughts back in a form to return
    left_out: tuple[str, ...]  # paths in the client's body
    stem: str  # of all ids
    clock: Callable[[], float]

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        message, finish = message_of(answer)
        envelope, output = self._begin()
        envelope.read(answer)
        envelope.finish = finish
        output.take(message)
        output.close(envelope.status)
        return envelope.response(envelope.status, output.bodies, int(self.clock()))

    def stream(self) -> ResponseEvents:
        return ResponseEvents(*self._begin(), self.clock)

    def _begin(self) -> tuple[Envelope, Output]:
        told = repeated(self.asked, self.terms.dropped, self.left_out)
        envelope = Envelope(told, self.terms.model, self.stem, int(self.clock()))
        return envelope, Output(self.stem, self.customs, self.seals)


def responses_to_chat(
    body: Mapping[str, Any],
    terms: Terms,
    *,
    beyond: Beyond = NOTHING,
    clock: Callable[[], float] = time.time,
) -> ResponsesToChat:
    made, customs, seals = translated(body, terms, beyond)
    # a translation after this one has paths of its own
    return ResponsesToChat(made, body, terms, customs, seals, tuple(terms.dropped), uuid4().hex, clock)


def responses_to_our_chat(body: Mapping[str, Any], terms: Terms) -> ResponsesToChat:
    """To be translated once more, by proxy.translation.chat_to_messages."""
    return responses_to_chat(body, terms, beyond=OURS)
