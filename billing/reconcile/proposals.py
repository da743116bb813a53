"""What would be posted to the ledger, so that it says what the provider bills. Pure.

Nothing is proposed for what settles itself, is not ours, or is not understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from billing.reconcile.connectors.base import midnight
from billing.reconcile.counts import Counts
from billing.reconcile.sides import Call, Cause, Part
from orbit.lib.clock import parse, rfc3339

OF_CALLS = (Cause.MISSING_THERE, Cause.DUPLICATE, Cause.ESTIMATE, Cause.CACHE_SPLIT)
MOST = 500  # of one exception
NOON = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Share:
    """What a key's calls of one day and model cost us: of a difference in price it bears as much of the whole."""

    project_id: UUID | None
    key_id: UUID | None
    alias: str
    weight: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Differences of one event of the ledger. `corrects` is the event that they are of, where there is one."""

    at: datetime
    counts: Counts
    cost_nano: int
    calls: int = 0
    corrects: UUID | None = None
    project_id: UUID | None = None
    key_id: UUID | None = None
    alias: str = ""

    def as_json(self) -> dict[str, Any]:
        ids = {
            name: str(value)
            for name in ("corrects", "project_id", "key_id")
            if (value := getattr(self, name)) is not None
        }
        return {
            "at": rfc3339(self.at),
            "tokens": self.counts.as_json(),
            "cost_nano": self.cost_nano,
            "calls": self.calls,
            "alias": self.alias,
            **ids,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Adjustment:
        ids = {
            name: UUID(document[name]) for name in ("corrects", "project_id", "key_id") if name in document
        }
        return cls(
            at=parse(document["at"]),
            counts=Counts.read(document["tokens"]),
            cost_nano=document["cost_nano"],
            calls=document["calls"],
            alias=document["alias"],
            **ids,
        )


def proposed(cause: Cause, parts: Iterable[Part], shares: Sequence[Share]) -> list[Adjustment]:
    """For those parts of one exception that the evidence leaves no doubt of; none where there are too many to look at."""
    made: list[Adjustment] = []
    for part in parts:
        if not part.sure:
            continue
        if part.calls and (cause in OF_CALLS or cause is Cause.MISSING_HERE):
            made.append(_of_call(part, part.calls[0]) if len(part.calls) == 1 else _of_some(part))
        elif cause is Cause.MISSING_HERE:
            at = part.at or midnight(part.day) + NOON
            made.append(Adjustment(at, part.counts, part.money_nano, max(1, part.requests)))
        elif cause is Cause.PRICE:
            made += _shared(part, shares)
    return made if len(made) <= MOST else []


def _of_call(part: Part, call: Call) -> Adjustment:
    return Adjustment(
        at=call.at,
        counts=part.counts,
        cost_nano=part.money_nano,
        calls=part.requests or (_sign(part) if part.cause in (Cause.MISSING_THERE, Cause.DUPLICATE) else 0),
        corrects=call.event_id,
        project_id=call.project_id,
        key_id=call.key_id,
        alias=call.alias,
    )


def _of_some(part: Part) -> Adjustment:
    """It happened to one of several calls, nobody knows to which: no event is named, and what they have in common is kept."""
    same = {(call.project_id, call.key_id, call.alias) for call in part.calls}
    project_id, key_id, alias = same.pop() if len(same) == 1 else (None, None, "")
    at = part.at or midnight(part.day) + NOON
    return Adjustment(at, part.counts, part.money_nano, part.requests, None, project_id, key_id, alias)


def _sign(part: Part) -> int:
    return 1 if part.counts.is_surplus else -1


def _shared(part: Part, shares: Sequence[Share]) -> list[Adjustment]:
    """By largest remainders, so that not a nano-unit is lost."""
    at, whole = midnight(part.day) + NOON, sum(share.weight for share in shares)
    if not whole:
        return [Adjustment(at, Counts(), part.money_nano)]
    sign, amount = (1 if part.money_nano >= 0 else -1), abs(part.money_nano)
    given = [amount * share.weight // whole for share in shares]
    order = sorted(range(len(shares)), key=lambda one: -(amount * shares[one].weight % whole))
    for one in order[: amount - sum(given)]:
        given[one] += 1
    return [
        Adjustment(at, Counts(), sign * nano, 0, None, share.project_id, share.key_id, share.alias)
        for share, nano in zip(shares, given, strict=True)
        if nano
    ]
