"""What a connector is to us, and the rows that every one of them makes of its provider's report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol

from billing.reconcile.counts import ZERO, Counts

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MOST_DIGITS = 12  # after the first: a few hundred thousand such rows add up to less than 2^63
BATCH = "batch"  # apart for this: a batch, which no call through the gateway is
WHOLE = "whole"  # the part of a line that is for all tokens of its model together


class Refused(Exception):
    """The provider does not let us read. `words` may be shown, and name no secret."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Unreadable(Refused):
    """It answered with what is no report as we know it, or did not answer within our patience."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What was counted in [start, start + width). `key` and `scope` are the provider's ids, empty where it names none.

    `key` is None where keys are not told apart. `apart`: why this can be no call of ours, whatever its key (a batch, the
    provider's own console). `told` is False for a row of a file that does not say how many tokens there were: it counts nothing.
    """

    start: datetime
    width: timedelta
    model: str
    counts: Counts
    requests: int | None = None
    key: str | None = ""
    scope: str = ""
    apart: str = ""
    told: bool = True
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CostRow:
    """What was charged on a day (UTC), in whole units of `currency`. `key` is None where costs are not told apart by key.

    `part` is one of `counts.PARTS`, WHOLE, or empty for what no tokens of ours stand against.
    """

    day: date
    model: str
    label: str
    part: str
    amount: Decimal
    currency: str = "USD"
    quantity: int | None = None
    key: str | None = None
    scope: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call as the provider has it, under the name that its answer had. Where it knows none of that name, `found` is False.

    `at` is the provider's own time of it, or ours where it has none.
    """

    name: str
    at: datetime
    found: bool
    model: str = ""
    counts: Counts = ZERO
    amount: Decimal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a provider's reports are like. `lag`: until when after its end a day may change.

    `tells_keys`: whether usage can be told apart by key. `by_call`: whether single calls of ours can be asked for. `in_part`:
    whether there may be tokens alone or money alone, and models may not be named: a file.
    """

    lag: timedelta
    by_minute: bool
    counts_requests: bool
    costs_by_key: bool
    oldest: timedelta | None = None  # how far back it reaches
    tells_keys: bool = True
    by_call: bool = False
    in_part: bool = False


class Api(Protocol):
    """One request at a time; waits where it is told to. Both answer the object that came, numbers exact; `find` None for a 404."""

    def get(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]: ...

    def find(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any] | None: ...


class Connector(Protocol):
    name: str
    base_url: str
    facts: Facts

    def headers(self, secret: str) -> list[tuple[str, str]]: ...

    def usage(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[UsageRow]:
        """By day, of [since, until). `scopes` narrow to these projects or workspaces."""
        ...

    def minutes(
        self, api: Api, day: date, models: Sequence[str], scopes: Sequence[str]
    ) -> Iterator[UsageRow]:
        """The same of one day by minute, of these models by the provider's names."""
        ...

    def costs(self, api: Api, since: date, until: date, scopes: Sequence[str]) -> Iterator[CostRow]: ...


class TellsCalls(Protocol):
    """A connector whose provider answers for single calls, to the credential that they were made with."""

    base_url: str

    def headers(self, secret: str) -> list[tuple[str, str]]: ...

    def names(self, name: str) -> bool:
        """Whether it may be a name of its own: events hold what other servers called their answers, too."""
        ...

    def call(self, api: Api, name: str, at: datetime) -> CallRow:
        """`at`: when it was by our ledger."""
        ...


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def pages(
    api: Api, path: str, query: Sequence[tuple[str, str]], most: int = 10_000
) -> Iterator[dict[str, Any]]:
    """Every bucket of a report that goes on with `next_page`. Unreadable when it never ends."""
    page: str | None = None
    for _ in range(most):
        answer = api.get(path, [*query, *([("page", page)] if page else [])])
        yield from listed(answer, "data")
        page = answer.get("next_page")
        if not answer.get("has_more") or not page:
            return
    raise Unreadable(f"{path} has more than {most} pages")


def listed(answer: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    """The first of these that is there, as a list of objects."""
    for name in names:
        found = answer.get(name)
        if found is not None:
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise Unreadable(f"{name} is no list of objects")
            return found
    raise Unreadable(f"the answer has no {' or '.join(names)}")


def whole(row: Mapping[str, Any], name: str) -> int:
    """A count; absent and null are nothing."""
    value = row.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable(f"{name} is no whole number")
    return counted(Decimal(value), name)


def counted(value: Decimal, name: str) -> int:
    """Looks at how long it is first: 1E+300000 as an int would keep a worker busy for minutes."""
    if not value.is_finite():
        raise Unreadable(f"{name} is no whole number")
    if value.adjusted() > MOST_DIGITS:
        raise Unreadable(f"{name} is too large for a count")
    if value != int(value):
        raise Unreadable(f"{name} is no whole number")
    return int(value)


def text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value[:200] if isinstance(value, str) else ""


def money(value: Any) -> Decimal:
    try:
        amount = Decimal(value) if not isinstance(value, float) else Decimal(repr(value))
    except (ArithmeticError, TypeError, ValueError):
        raise Unreadable("an amount is no number") from None
    if not amount.is_finite():
        raise Unreadable("an amount is not finite")
    if amount and amount.adjusted() > MOST_DIGITS:
        raise Unreadable("an amount is too large")
    return amount or Decimal(0)  # nothing may come as 0E-6176


def many(name: str, values: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, value) for value in values]
