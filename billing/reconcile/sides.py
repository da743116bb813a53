"""What is compared: a call as our ledger has it, and a cell of the provider's report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from billing.reconcile.counts import ZERO, Counts


class Cause(StrEnum):
    """Why the provider's figure is another than ours. Stored: a word keeps its meaning."""

    LATE = "late"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    DUPLICATE = "duplicate"
    TIME_BOUNDARY = "time_boundary"
    CACHE_SPLIT = "cache_split"
    ESTIMATE = "estimate"
    PRICE = "price"
    ROUNDING = "rounding"
    OUTSIDE = "outside"
    UNEXPLAINED = "unexplained"


MEANINGS: dict[Cause, str] = {
    Cause.LATE: "the provider's day is not final yet, and it has less than we have",
    Cause.MISSING_HERE: "the provider counted a call that our ledger does not have",
    Cause.MISSING_THERE: "our ledger has a call that the provider did not count",
    Cause.DUPLICATE: "one call was counted twice: by the provider, mostly after a retry, or by us",
    Cause.TIME_BOUNDARY: "a call around midnight (UTC) counts for one day there and for the other here",
    Cause.CACHE_SPLIT: "the same input, of which another part was read from a cache or written to one",
    Cause.ESTIMATE: "we had estimated the call's tokens, and the provider counted them",
    Cause.PRICE: "the same tokens at another price than the price book's",
    Cause.ROUNDING: "each call is rounded up here, and each line of a report there",
    Cause.OUTSIDE: "usage under a key, or of a model, that no call through the gateway had",
    Cause.UNEXPLAINED: "nothing of the above accounts for it",
}


@dataclass(frozen=True, slots=True)
class Call:
    """An entry of our ledger with what corrected it since. `requests` is 0 for what is no call of its own.

    `estimated`: the tokens are not the provider's own word, and `source` whose they are. `retried`: an earlier try may have worked there.
    `upstream_id`: how the provider named the answer, where it said so; `earlier_ids`: how it named earlier tries of the call.
    `added`: what adjustments put to it for a further request each, such as a try that was charged too; part of `counts`.
    """

    event_id: UUID
    at: datetime
    ended: datetime
    counts: Counts
    cost_nano: int | None
    requests: int = 1
    estimated: bool = False
    source: str = ""
    retried: bool = False
    upstream_id: str | None = None
    earlier_ids: tuple[str, ...] = ()
    added: tuple[Counts, ...] = ()
    project_id: UUID | None = None
    key_id: UUID | None = None
    alias: str = ""

    @property
    def day(self) -> date:
        return self.at.date()


@dataclass(frozen=True, slots=True)
class Cell:
    """What the provider counted in a span of time under our keys for one model. Requests where it counts them."""

    start: datetime
    width: timedelta
    counts: Counts
    requests: int | None = None

    @property
    def end(self) -> datetime:
        return self.start + self.width


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of the provider's costs: an exact amount in the account's currency, by what it is for.

    `part` is one of `counts.PARTS`, `whole` for all tokens together, or empty for anything else. `quantity`: how many tokens, where the line says.
    """

    label: str
    part: str
    amount: Decimal
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a day's difference, theirs less ours, and the cause of it. `calls` are the evidence.

    `at` is when, as near as is known. `money_nano` is set when prices are looked at. `sure`: the evidence leaves nothing else
    that it might as well be; nothing is proposed of what is not.
    """

    cause: Cause
    day: date
    counts: Counts = ZERO
    requests: int = 0
    calls: tuple[Call, ...] = ()
    at: datetime | None = None
    note: str = ""
    money_nano: int = 0
    sure: bool = True


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """One day of one model, both sides, and the parts that their difference consists of, to the last token and nano-unit."""

    day: date
    model: str
    ours: Counts
    theirs: Counts
    ours_nano: int
    theirs_nano: int
    parts: tuple[Part, ...] = field(default=())
    final: bool = True
    calls: int = 0
    estimated_nano: int = 0
    implied: dict[str, str] = field(default_factory=dict)

    @property
    def drift_nano(self) -> int:
        return self.theirs_nano - self.ours_nano

    def check(self) -> None:
        """AssertionError when the parts are not the whole difference: then nothing of it may be stored."""
        told = sum((part.counts for part in self.parts), Counts())
        money = sum(part.money_nano for part in self.parts)
        if told != self.theirs - self.ours or money != self.drift_nano:
            raise AssertionError(
                f"{self.model} on {self.day}: parts {told} {money}, difference {self.theirs - self.ours} {self.drift_nano}"
            )
