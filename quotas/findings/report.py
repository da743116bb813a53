"""Findings as the management API reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from orbit.lib import clock
from orbit.lib.errors import InputError
from quotas import usage
from quotas.findings import reading
from quotas.findings.rollup import FIGURES
from quotas.reports import ids_of, month_start, names_of, round_up, shown
from quotas.rollups import QUARTER, bucket_start
from tenants.models import Organization

BY = ("type", "project", "direction", "action", "shadow", "day")


def findings_report(
    organization: Organization,
    *,
    since: datetime | None,
    until: datetime | None,
    by: Sequence[str],
    only: Mapping[str, str],
    longest: timedelta,
    most_rows: int,
) -> dict[str, Any]:
    """Totals of a span, and a row for each group of `by`, which are of BY. Within the organization's scope.

    Without `since` the span begins with the calendar month of the organization's time zone; both ends are widened to
    whole quarters of an hour. InputError when `only` names a project that there is not, when the span is longer than
    `longest`, and when there were more than `most_rows`.
    """
    now = datetime.now(UTC)
    since = bucket_start(since or month_start(now, organization.time_zone))
    until = round_up(until or now)
    if until - since > longest + 2 * QUARTER:
        raise InputError(
            "since", f"is more than {longest.days} days before the end", "ask for less at a time"
        )
    asked = reading.Asked(since, until, (), narrowed(only), organization.time_zone)
    rows = _rows(asked, by, most_rows) if by else []
    names = names_of(by, rows)
    return {
        "organization": organization.slug,
        "time_zone": organization.time_zone,
        "since": clock.rfc3339(since),
        "until": clock.rfc3339(until),
        "complete_until": clock.rfc3339(usage.complete_until(organization.shard, now)),
        "totals": reading.read(asked)[0],
        "rows": [_shown(row, by, names) for row in rows],
    }


def narrowed(only: Mapping[str, str]) -> dict[str, Any]:
    """What rollups are kept by, from what people call it. InputError for a project that there is not."""
    found: dict[str, Any] = {name: text for name, text in only.items() if name != "project"}
    if "project" in only:
        (found["project"],) = next(iter(ids_of({"project": only["project"]}).values()))
    return found


def _rows(asked: reading.Asked, by: Sequence[str], most: int) -> list[reading.Row]:
    rows = reading.read(
        reading.Asked(asked.since, asked.until, tuple(by), asked.only, asked.time_zone, most + 1)
    )
    if len(rows) > most:
        raise InputError("by", f"makes more than {most} rows", "ask for less time, or for one project")
    return rows


def _shown(row: reading.Row, by: Sequence[str], names: Mapping[UUID, str]) -> dict[str, Any]:
    """A false alarm is of no direction and no action."""
    groups = {name: row[name] if name == "shadow" else shown(row[name], names) for name in by}
    groups |= {name: groups[name] or None for name in ("direction", "action") if name in groups}
    return groups | {name: row[name] for name in FIGURES}
