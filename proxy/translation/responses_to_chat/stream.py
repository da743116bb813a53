"""A stream of chat completions as one of responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.translation.responses_to_chat.envelope import Envelope, choice_of, finish_of
from proxy.translation.responses_to_chat.items import Event
from proxy.translation.responses_to_chat.output import Output


class ResponseEvents:
    def __init__(self, envelope: Envelope, output: Output, clock: Callable[[], float]) -> None:
        self.envelope = envelope
        self.output = output
        self.clock = clock
        self.sent = 0

    def feed(self, chunk: Mapping[str, Any]) -> list[Event]:
        self.envelope.read(chunk)
        made = self._begun()
        choice = choice_of(chunk)
        if choice is not None:
            delta = choice.get("delta")
            if isinstance(delta, dict):
                made += self.output.take(delta)
            self.envelope.finish = finish_of(choice) or self.envelope.finish
        return self._numbered(made)

    def end(self) -> list[Event]:
        status = self.envelope.status
        made = self._begun() + self.output.close(status)
        return self._numbered([*made, self._told(status, status)])

    def _begun(self) -> list[Event]:
        if self.sent:
            return []
        return [self._told(name, "in_progress") for name in ("created", "in_progress")]

    def _told(self, name: str, status: str) -> Event:
        output = self.output.bodies
        return {
            "type": f"response.{name}",
            "response": self.envelope.response(status, output, int(self.clock())),
        }

    def _numbered(self, events: list[Event]) -> list[Event]:
        first, self.sent = self.sent, self.sent + len(events)
        return [{"sequence_number": first + place, **event} for place, event in enumerate(events)]
