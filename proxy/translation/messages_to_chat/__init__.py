"""Clients of Anthropic's Messages before models that are served by chat completions.

`docs/translation.md` lists field by field what is translated, refused, or left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from proxy.formats.base import Terms
from proxy.translation.messages_to_chat.answer import answer_of
from proxy.translation.messages_to_chat.names import Names
from proxy.translation.messages_to_chat.options import SIGNATURE, USUAL, Options
from proxy.translation.messages_to_chat.request import request_of
from proxy.translation.messages_to_chat.stream import MessagesStream
from proxy.translation.messages_to_chat.written import Written

__all__ = ["SIGNATURE", "MessagesToChat", "Options", "messages_to_chat"]


class MessagesToChat:
    def __init__(self, body: Mapping[str, Any], terms: Terms, options: Options) -> None:
        self.names = Names()
        self.body = request_of(body, terms, options, self.names)
        self.model = terms.model
        self.seed = uuid4().hex  # of ids that the provider does not give
        self.show_thinking = options.reasoning_field is not None or not _unwanted(body)

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return answer_of(answer, self.seed, self.model, self._written())

    def stream(self) -> MessagesStream:
        return MessagesStream(self.seed, self.model, self._written())

    def _written(self) -> Written:
        return Written(self.seed, self.names, self.show_thinking)


def messages_to_chat(body: Mapping[str, Any], terms: Terms, options: Options = USUAL) -> MessagesToChat:
    return MessagesToChat(body, terms, options)


def _unwanted(body: Mapping[str, Any]) -> bool:
    """Whether the client said that it wants to see no thinking. A model that needs its own back shows it all the same."""
    thinking = body.get("thinking") or {}
    return thinking.get("type") == "disabled" or thinking.get("display") == "omitted"
