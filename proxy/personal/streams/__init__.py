"""Where the texts of a stream's events stand, format by format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.personal.streams.base import Stream
from proxy.personal.streams.chat import ChatTexts
from proxy.personal.streams.messages import MessagesTexts
from proxy.personal.streams.responses import ResponsesTexts
from proxy.personal.ways import Way

STREAMS: Mapping[str, Callable[[Way], Stream]] = {
    "chat/completions": ChatTexts,
    "completions": ChatTexts,
    "messages": MessagesTexts,
    "responses": ResponsesTexts,
}
