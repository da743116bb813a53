"""Gauges of single organizations: how their limits stand, how much of what they spent was compared with a bill."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, Sum

from billing.models import BilledRow, Comparison
from billing.reconcile.connectors.base import midnight
from console import own_metrics
from orbit.lib import access
from orbit.lib.metrics import Family, Kind, Sample
from orbit.metrics.gauges import Part
from quotas import totals
from tenants.models import Organization

NANO = 1e-9
DAYS = 30  # of bills
_BILLED = ("organization", "currency")


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
BILL_LOOKUPS = Family(
    "orbit_reconciliation_lookups",
    Kind.GAUGE,
    f"Calls of the last {DAYS} days that the provider was asked for one by one; known: whether it has them.",
    ("organization", "known"),
)


def limits(named: list[str]) -> list[Sample]:
    found: list[Sample] = []
    for row in _organizations(named):
        with access.scope(organization_id=row.pk):
            found += own_metrics.limits(row)
    return found


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
        calls = BilledRow.objects.filter(kind=BilledRow.Kind.CALL, replaced_by=None, day__gte=since)
        known = dict(calls.values_list("requests").annotate(Count("pk")).order_by())
        sums = final.aggregate(
            ours=Sum("ours_nano", default=0), unexplained=Sum("unexplained_nano", default=0)
        )
    return [
        Sample(BILL_SPENT, spent, labels),
        Sample(BILL_COMPARED, int(sums["ours"]), labels),
        Sample(BILL_UNEXPLAINED, int(sums["unexplained"]), labels),
        *(
            Sample(BILL_LOOKUPS, known[is_known], (row.slug, "yes" if is_known else "no"))
            for is_known in (0, 1)
            if is_known in known
        ),
    ]


def _organizations(named: list[str]) -> list[Organization]:
    with access.operator():
        return list(Organization.objects.filter(slug__in=named, purged_at=None).order_by("slug"))


PARTS = (
    Part("limits", 30.0, limits, own_metrics.LIMITS),
    Part("bills", 300.0, bills, (BILL_SPENT, BILL_COMPARED, BILL_UNEXPLAINED, BILL_LOOKUPS)),
)
