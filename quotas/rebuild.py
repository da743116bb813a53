"""Rollups made again from the ledger: those that fell behind it, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connections
from django.db.models import Max, Min
from psycopg import sql

from audit.events import Row
from audit.ledger import LOCK
from audit.models import ChainHead, Event
from orbit.lib import access
from quotas import rollups
from quotas.findings import rollup as findings
from quotas.models import (
    DirtyBucket,
    FacetValue,
    FindingBucket,
    FindingDay,
    UsageBucket,
    UsageDay,
    UsageFacet,
    UsageTotal,
)
from quotas.rollups import KEY, QUARTER, SUMS

DAY = timedelta(days=1)
AT_ONCE = 5_000  # rows of the ledger held in memory
_SUMS = sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in SUMS)


def _sum_up(table: str, keys: Sequence[str], start: str) -> sql.Composed:
    """The rows of a coarser table from those by quarter."""
    columns = sql.SQL(", ").join(map(sql.Identifier, (*keys, *SUMS)))
    chosen = sql.SQL(", ").join(
        sql.SQL(start) if name == "starts_at" else sql.Identifier(name) for name in keys
    )
    return sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {chosen}, {sums} FROM quotas_usagebucket"
        " WHERE organization_id = %s AND starts_at >= %s AND starts_at < %s GROUP BY {groups}"
    ).format(
        table=sql.Identifier(table),
        columns=columns,
        chosen=chosen,
        sums=_SUMS,
        groups=sql.SQL(", ").join(sql.SQL(str(at + 1)) for at in range(len(keys))),
    )


SUM_DAY = _sum_up(rollups.DAYS.name, KEY, "date_trunc('day', starts_at, 'UTC')")
SUM_TOTALS = _sum_up(rollups.TOTALS.name, rollups.TOTALS.key, "starts_at")
SUM_FINDINGS = """
INSERT INTO quotas_findingday (organization_id, starts_at, project_id, kind, direction, action, shadow, findings, false_positives)
SELECT organization_id, date_trunc('day', starts_at, 'UTC'), project_id, kind, direction, action, shadow, sum(findings), sum(false_positives)
FROM quotas_findingbucket WHERE organization_id = %s AND starts_at >= %s AND starts_at < %s GROUP BY 1, 2, 3, 4, 5, 6, 7"""


def rebuild() -> int:
    """Makes every dirty bucket again; returns how many there were."""
    with access.ledger():
        dirty = list(DirtyBucket.objects.values_list("organization_id", "starts_at"))
    days: dict[tuple[UUID, datetime], list[datetime]] = {}
    for organization_id, start in dirty:
        days.setdefault((organization_id, rollups.day_start(start)), []).append(start)
    for (organization_id, day), starts in days.items():
        _rebuild(organization_id, day, [(start, start + QUARTER) for start in sorted(starts)])
    return len(dirty)


def rebuild_all(organization_id: UUID | None = None) -> int:
    """Every day of every organization, or of one; returns how many days."""
    done = 0
    with access.ledger():
        heads = (
            ChainHead.objects.all()
            if organization_id is None
            else ChainHead.objects.filter(pk=organization_id)
        )
        organizations = list(heads.values_list("pk", flat=True))
    for one in organizations:
        for day in _days(one):
            rebuild_day(one, day)
            done += 1
    return done


def rebuild_day(organization_id: UUID, day: date) -> None:
    """All sums of an organization's day (UTC), from nothing."""
    start = datetime.combine(day, time(), UTC)
    _rebuild(organization_id, start, [(start, start + DAY)], from_nothing=True)


def _days(organization_id: UUID) -> list[date]:
    """From the first entry of the ledger to the last."""
    with access.ledger():
        events = Event.objects.filter(organization_id=organization_id)
        ends = events.aggregate(first=Min("admitted_at"), last=Max("admitted_at"))
    if ends["first"] is None:
        return []
    first, last = ends["first"].date(), ends["last"].date()
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]


def _rebuild(
    organization_id: UUID,
    day: datetime,
    spans: Sequence[tuple[datetime, datetime]],
    *,
    from_nothing: bool = False,
) -> None:
    """Some quarters of a day, and so its own sums. The shard's writer waits meanwhile."""
    with access.ledger():
        _lock(organization_id)
        if from_nothing:  # which values the day tells apart is decided anew
            FacetValue.objects.filter(organization_id=organization_id, day=day.date()).delete()
        for since, until in spans:
            _quarters(organization_id, since, until)
        for table in (UsageDay, FindingDay):
            table.objects.filter(organization_id=organization_id, starts_at=day).delete()
        with connections["ledger"].cursor() as cursor:
            cursor.execute(SUM_DAY, [organization_id, day, day + DAY])
            cursor.execute(SUM_FINDINGS, [organization_id, day, day + DAY])


def _quarters(organization_id: UUID, since: datetime, until: datetime) -> None:
    where = {"organization_id": organization_id, "starts_at__gte": since, "starts_at__lt": until}
    for table in (UsageBucket, UsageTotal, UsageFacet, FindingBucket, DirtyBucket):
        table.objects.filter(**where).delete()
    events = Event.objects.filter(
        organization_id=organization_id, admitted_at__gte=since, admitted_at__lt=until
    ).order_by("seq")
    some: list[Row] = []
    for event in events.iterator(AT_ONCE):
        some.append({name: getattr(event, name) for name in rollups.NEEDED})
        if len(some) == AT_ONCE:
            _add(some)
            some = []
    _add(some)
    with connections["ledger"].cursor() as cursor:
        cursor.execute(SUM_TOTALS, [organization_id, since, until])


def _add(rows: Sequence[Row]) -> None:
    rollups.QUARTERS.add(rollups.sums(rows))
    rollups.FACETS.add(rollups.by_facet(rows))
    findings.add(findings.QUARTERS, findings.sums(rows))


def _lock(organization_id: UUID) -> None:
    """Keeps the writer of the organization's shard out till the transaction ends."""
    shard = Event.objects.filter(organization_id=organization_id).values_list("shard", flat=True).first()
    if shard is not None:
        with connections["ledger"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, shard])
