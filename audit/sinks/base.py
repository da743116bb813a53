"""What every sink is to the pump that feeds it.

A new kind is one module with a configuration class and a sink class, one line in `registry.py`, one harness in
`tests/audit/sinks`, one section in docs/sinks.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

ReadSecret = Callable[[str], str]  # what a reference (env://…, vault://…) names, as it is now


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way. `text` is `event` as one line of JSON; both are as the sink's redaction leaves them."""

    event_id: UUID
    organization_id: UUID
    organization: str
    kind: str
    at: datetime  # when the ledger took it in
    shard: int
    shard_seq: int
    event: dict[str, Any]
    text: bytes


class Unavailable(Exception):
    """The sink did not take what it was given, and may later. The words are ours: no secret, nothing of an answer's body."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class BrokeOff(Unavailable):
    """It hung up on what it was given, where that is the only way in which its protocol can refuse something."""


class Refused(Exception):
    """It will never take what it was given: something in there is wrong, and it did not say which."""


class Sink(ABC):
    """One connection to one sink, used by one thread.

    `send` returns when everything is acknowledged, and for good: on the sink's disk or wherever it promises to keep it.
    Events of one shard must become visible there in the order in which they are given. The same event may be given
    again, with the same id.
    """

    @abstractmethod
    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        """Hands all of them over. Returns those that are refused for good, by event id, with the reason.

        Unavailable (then all of them are sent again), or Refused where one is wrong and it is not known which.
        """

    def close(self) -> None:  # noqa: B027 - not every sink holds something
        """Gives back what was opened. `send` after it opens it anew."""
