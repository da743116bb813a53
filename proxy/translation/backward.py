"""A provider's stream on its way to a client of another format."""

from __future__ import annotations

from typing import Any

import orjson

from proxy.formats.base import Listener, Progress
from proxy.translation.base import StreamBack

END_MARKS = {"chat/completions": b"data: [DONE]\n\n"}


class Backward:
    """Reads events in the provider's format, and writes them in the client's. One stream's own."""

    def __init__(self, spoken: Listener, back: StreamBack, endpoint: str) -> None:
        self.spoken = spoken
        self.back = back
        self.named = endpoint != "chat/completions"  # whether events carry their type as a name
        self.end_mark = END_MARKS.get(endpoint, b"")
        self.ended = False

    def on_event(self, event: bytes, data: bytes | None, progress: Progress, wants_usage: bool) -> bytes:
        self.spoken.on_event(event, data, progress, True)
        out = b""
        if progress.chunk is not None and not progress.failed:
            out = self._written(self.back.feed(progress.chunk), progress)
        return out + self._ending(progress) if progress.done else out

    def on_end(self, progress: Progress) -> bytes:
        self.spoken.on_end(progress)
        if not progress.complete:  # what is translated cannot break off as the original did
            progress.failed = True
        return b"" if progress.failed else self._ending(progress)

    def _ending(self, progress: Progress) -> bytes:
        if self.ended:
            return b""
        self.ended = True
        return self._written(self.back.end(), progress) + self.end_mark

    def _written(self, events: list[dict[str, Any]], progress: Progress) -> bytes:
        if events:
            progress.passes(events[-1])
        return b"".join(self._event(one) for one in events)

    def _event(self, event: dict[str, Any]) -> bytes:
        data = b"data: " + orjson.dumps(event) + b"\n\n"
        return b"event: " + str(event["type"]).encode() + b"\n" + data if self.named else data
