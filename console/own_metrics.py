"""An organization's own metrics: what this host's workers counted of it, how its limits stand, its month so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from orbit.lib.metrics import Family, Kind, Sample, Series, Shelf, written
from orbit.lib.metrics.family import Labels
from proxy import measures
from quotas import totals
from quotas.status import Attached, LimitStatus
from tenants.models import Organization

NANO = 1e-9
_OF = ("organization", "limit", "meter", "per")
COUNTED = {one.name: one for one in measures.FAMILIES if "organization" in one.labels}


def _limit(what: str, help_: str) -> Family:
    return Family(f"orbit_limit_{what}", Kind.GAUGE, help_, _OF)


LIMIT = _limit(
    "allowed", "What a limit on the organization as a whole allows; money in units of its currency."
)
SPENT = _limit("spent", "What is spent of it in the window that runs.")
HELD = _limit("held", "What open reservations hold of it.")
FREE = _limit("free", "What is free of it.")
LIMITS = (LIMIT, SPENT, HELD, FREE)


def _month(what: str, help_: str, *labels: str, scale: float = 1) -> Family:
    return Family(f"orbit_month_{what}", Kind.GAUGE, help_, ("organization", *labels), scale=scale)


CALLS = _month("calls", "Calls of this month (UTC), by the ledger of all hosts.")
REFUSED = _month("refused", "Requests that limits refused this month.")
FAILED = _month("failed", "Calls of this month that failed.")
TOKENS = _month("tokens", "Tokens of this month: input or output.", "direction")
COST = _month("cost", "Cost of this month, in units of the currency.", "currency", scale=NANO)
MONTH = (CALLS, REFUSED, FAILED, TOKENS, COST)


def exposition(row: Organization) -> bytes:
    """In the organization's scope. RedisError when the store is away."""
    series, _ = Shelf(Path(settings.ORBIT_DATA_DIR) / "metrics").read(COUNTED)
    return written(COUNTED, only(series, row.slug), [*limits(row), *month(row)])


def only(series: Series, slug: str) -> Series:
    """The rows that are the organization's. One without series of its own has none here: `other` is many."""
    return {
        name: {
            labels: value
            for labels, value in rows.items()
            if labels[COUNTED[name].labels.index("organization")] == slug
        }
        for name, rows in series.items()
    }


def limits(row: Organization) -> Iterator[Sample]:
    """Of the organization in scope as a whole, no series twice: one that is makes Prometheus refuse all of them.

    RedisError when the store is away.
    """
    attached, taken = Attached(row), Counter[Labels]()
    for one in attached.statuses(attached.of_whole()):
        if one.counted:
            labels = (row.slug, _name(one), one.meter, one.per or "")
            taken[labels] += 1
            if taken[labels] > 1:
                labels = (row.slug, f"{_name(one)} ({taken[labels]})", *labels[2:])
            yield from _figures(labels, one)


def _name(one: LimitStatus) -> str:
    """Of several with one name, the models and what only reports tell which."""
    name = f"{one.name} ({', '.join(one.models)})" if one.models else one.name
    return f"{name} (shadow)" if one.shadow else name


def _figures(labels: Labels, one: LimitStatus) -> Iterator[Sample]:
    unit = NANO if one.meter == "cost" else 1
    for family, value in ((LIMIT, one.limit), (SPENT, one.spent), (HELD, one.held), (FREE, one.free)):
        yield Sample(family, value * unit, labels)


def month(row: Organization) -> Iterator[Sample]:
    now = datetime.now(UTC)
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sums = totals.totals(begins, now + timedelta(days=1)).totals
    own = (row.slug,)
    yield Sample(CALLS, sums["requests"], own)
    yield Sample(REFUSED, sums["refused"], own)
    yield Sample(FAILED, sums["failed"], own)
    yield Sample(TOKENS, sums["input_tokens"], (*own, "input"))
    yield Sample(TOKENS, sums["output_tokens"], (*own, "output"))
    yield Sample(COST, sums["cost_nano"], (*own, row.currency))
