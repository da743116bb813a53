"""Gauges of single organizations: how their limits stand, how much of what they spent was compared with a bill."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum

from billing.models import Comparison
from billing.reconcile.connectors.base import midnight
from orbit.lib import access
from orbit.lib.metrics import Family, Kind, Sample
from orbit.metrics.gauges import Part
from quotas import totals
from quotas.status import Attached, LimitStatus
from tenants.models import Organization

NANO = 1e-9
DAYS = 30  # of bills
_OF = ("organization", "limit", "meter", "per")
_BILLED = ("organization", "currency")


def _limit(what: str, help_: str) -> Family:
    return Family(f"orbit_limit_{what}", Kind.GAUGE, help_, _OF)


LIMIT = _limit(
    "allowed", "What a limit on the organization as a whole allows; money in units of its currency."
)
SPENT = _limit("spent", "What is spent of it in the window that runs.")
HELD = _limit("held", "What open reservations hold of it.")
FREE = _limit("free", "What is free of it.")

BILL_SPENT = Family(
    "orbit_reconciliation_spent",
    Kind.GAUGE,
    f"Cost of the last {DAYS} days in the ledger.",
    _BILLED,
    scale=NANO,
)
BILL_COMPARED = Family(
    "orbit_reconciliation_compared",
    Kind.GAUGE,
    "Of it, what was compared with a final bill.",
    _BILLED,
    scale=NANO,
)
BILL_UNEXPLAINED = Family(
    "orbit_reconciliation_unexplained",
    Kind.GAUGE,
    "Differences of the compared without a cause.",
    _BILLED,
    scale=NANO,
)


def limits(named: list[str]) -> list[Sample]:
    return [sample for row in _organizations(named) for sample in of_organization(row)]


def of_organization(row: Organization) -> Iterator[Sample]:
    """RedisError when the store is away."""
    with access.scope(organization_id=row.pk):
        attached = Attached(row)
        found = attached.statuses(attached.of_whole())
    for one in found:
        if one.counted:
            yield from figures(row.slug, one)


def figures(slug: str, one: LimitStatus) -> Iterator[Sample]:
    unit = NANO if one.meter == "cost" else 1
    labels = (slug, one.name, one.meter, one.per or "")
    for family, value in ((LIMIT, one.limit), (SPENT, one.spent), (HELD, one.held), (FREE, one.free)):
        yield Sample(family, value * unit, labels)


def bills(named: list[str]) -> list[Sample]:
    until = datetime.now(UTC).date()
    return [
        sample
        for row in _organizations(named)
        for sample in _billed(row, until - timedelta(days=DAYS), until)
    ]


def _billed(row: Organization, since: date, until: date) -> list[Sample]:
    labels = (row.slug, row.currency)
    with access.scope(organization_id=row.pk):
        spent = totals.totals(midnight(since), midnight(until), only={}).totals["cost_nano"]
        final = Comparison.objects.filter(day__gte=since, day__lt=until, final=True)
        sums = final.aggregate(
            ours=Sum("ours_nano", default=0), unexplained=Sum("unexplained_nano", default=0)
        )
    return [
        Sample(BILL_SPENT, spent, labels),
        Sample(BILL_COMPARED, int(sums["ours"]), labels),
        Sample(BILL_UNEXPLAINED, int(sums["unexplained"]), labels),
    ]


def _organizations(named: list[str]) -> list[Organization]:
    with access.operator():
        return list(Organization.objects.filter(slug__in=named, purged_at=None).order_by("slug"))


PARTS = (
    Part("limits", 30.0, limits, (LIMIT, SPENT, HELD, FREE)),
    Part("bills", 300.0, bills, (BILL_SPENT, BILL_COMPARED, BILL_UNEXPLAINED)),
)
