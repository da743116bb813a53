"""Every measure by every dimension, from the rollups, is what SQL over the ledger says: at awkward times, in awkward zones."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from orbit.lib import access
from quotas import rebuild, rollups, totals
from quotas.models import DirtyBucket
from quotas.rollups import SUMS
from tests.audit.conftest import Feed, feed

__all__ = ["feed"]

BERLIN, KATHMANDU, HAVANA = "Europe/Berlin", "Asia/Kathmandu", "America/Havana"
# Beside ordinary ones: ends of months and years, and both changes of the clock.
MOMENTS = (
    datetime(2026, 2, 28, 22, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 22, 0, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 18, 14, 59, tzinfo=UTC),
    datetime(2026, 10, 31, 18, 15, tzinfo=UTC),
    datetime(2026, 11, 1, 4, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
MEASURES = """
count(*) FILTER (WHERE kind = 'call') AS requests,
coalesce(sum("count") FILTER (WHERE kind = 'refusal' AND detail ->> 'shadow' IS NULL), 0) AS refused,
count(*) FILTER (WHERE kind = 'call' AND status = 'provider_failed') AS failed,
coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
coalesce(sum(cost_nano), 0) AS cost_nano,
count(*) FILTER (WHERE kind = 'call' AND usage_source <> 'provider') AS estimated_requests,
count(*) FILTER (WHERE kind = 'call' AND cost_nano IS NULL AND status <> 'provider_failed') AS unpriced_requests,
percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE kind = 'call' AND status = 'settled') AS duration_p50_ms,
percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE kind = 'call' AND status = 'settled') AS duration_p95_ms,
percentile_disc(0.5) WITHIN GROUP (ORDER BY first_token_ms) FILTER (WHERE kind = 'call') AS first_token_p50_ms,
percentile_disc(0.95) WITHIN GROUP (ORDER BY first_token_ms) FILTER (WHERE kind = 'call') AS first_token_p95_ms
"""
NOT_SHADOW = "(kind <> 'refusal' OR detail ->> 'shadow' IS NULL)"
GROUPS = {
    "project": ("project_id", "", ""),
    "key": ("key_id", "", ""),
    "model": ("coalesce(model, '')", "", ""),
    "account": ("account_id", "", ""),
    "end_user": ("CASE WHEN kind <> 'refusal' THEN end_user END", "", ""),
    "tag": ("tag", "LEFT JOIN LATERAL (SELECT key || '=' || value AS tag FROM jsonb_each_text(detail -> 'tags')) t ON true", ""),
    "code": ("code", "", f"AND code IS NOT NULL AND {NOT_SHADOW}"),
    "limit": ('"limit"', "", f'AND "limit" IS NOT NULL AND {NOT_SHADOW}'),
    "day": ("(admitted_at AT TIME ZONE %(zone)s)::date", "", ""),
}  # fmt: skip


def fill(feed: Feed) -> None:
    seeded = random.Random(11)
    keys = [(str(uuid4()), str(uuid4())) for _ in range(4)]
    accounts = [str(uuid4()), str(uuid4()), None]
    for at in range(160):
        moment = MOMENTS[at % len(MOMENTS)] + timedelta(seconds=seeded.choice((0, 0, 0, 3600, 40_000)))
        project, key = seeded.choice(keys)
        failed = seeded.random() < 0.2
        event = feed.call(
            admitted_us=int(moment.timestamp()) * 1_000_000 + moment.microsecond,
            project_id=project,
            key_id=key,
            account_id=seeded.choice(accounts),
            model=seeded.choice(["a", "b", None]),
            status="provider_failed" if failed else seeded.choice(["settled", "settled", "client_gone"]),
            code="upstream_error" if failed else None,
            usage_source=seeded.choice(["provider", "provider", "estimated", "partial"]),
            end_user=seeded.choice(["ada", "bob", None]),
            input_tokens=seeded.choice([None, seeded.randrange(5_000)]),
            output_tokens=seeded.randrange(900),
            cost_nano=seeded.choice([None, seeded.randrange(10**9)]),
            duration_ms=seeded.choice([None, seeded.randrange(30, 200_000)]),
            first_token_ms=seeded.choice([None, seeded.randrange(20, 4_000)]),
            detail={"tags": seeded.choice([{}, {"team": "a"}, {"team": "b", "feature": "x"}])},
        )
        feed.send(event)
        if seeded.random() < 0.2:
            feed.send({**event, "status": "settled", "output_tokens": 7}, kind="late")
    for at, calls in enumerate([1, -1, 3]):  # of a key, and of none
        whose = keys[0] if at == 1 else (None, None)
        adjustment = feed.call(
            kind="adjustment",
            admitted_us=int(MOMENTS[at].timestamp()) * 1_000_000,
            project_id=whose[0],
            key_id=whose[1],
            status=None,
            model="a",
            detail={"calls": calls},
        )
        feed.send(adjustment)
    for at, code in enumerate(["rate_limited", "insufficient_quota", "~rate_limited"]):
        caller = {name: feed.call()[name] for name in ("organization_id", "organization", "key", "project")}
        caller |= {"project_id": keys[at][0], "key_id": keys[at][1], "model": "a"}
        minute = int(MOMENTS[at].timestamp() // 60) * 60_000_000
        text = "\n".join((str(minute), code, ("rpm", "budget", "trial")[at], json.dumps(caller)))
        feed.send(text, kind="refusal", n=str(3 + at))
    feed.write()


@pytest.fixture
def filled(feed: Feed) -> Feed:
    fill(feed)
    return feed


def by_sql(feed: Feed, since: datetime, until: datetime, by: str, zone: str) -> dict[Any, dict[str, Any]]:
    group, join, where = GROUPS[by]
    query = (
        f"SELECT {group} AS grouped, {MEASURES} FROM audit_event {join} WHERE organization_id = %(id)s"
        f" AND kind <> 'act' AND admitted_at >= %(since)s AND admitted_at < %(until)s {where} GROUP BY 1"
    )
    with connections["operator"].cursor() as cursor:
        cursor.execute(query, {"id": feed.id, "since": since, "until": until, "zone": zone})
        names = [column.name for column in cursor.description]
        return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}


def months(zone: str) -> list[tuple[datetime, datetime]]:
    local = ZoneInfo(zone)
    return [
        (datetime(2026, 2, 1, tzinfo=local), datetime(2026, 3, 1, tzinfo=local)),
        (datetime(2026, 3, 1, tzinfo=local), datetime(2026, 4, 1, tzinfo=local)),
        (datetime(2026, 3, 29, tzinfo=local), datetime(2026, 3, 30, tzinfo=local)),
        (datetime(2026, 10, 25, tzinfo=local), datetime(2026, 11, 2, tzinfo=local)),
        (datetime(2026, 2, 1, tzinfo=local), datetime(2026, 11, 30, tzinfo=local)),
    ]


def same(told: dict[str, Any], exact: dict[str, Any]) -> None:
    for name, value in exact.items():
        if name.endswith("_ms") and value is not None:
            assert value / 1.2 <= told[name] <= value * 1.2, name  # within a bin's width
        else:
            assert told[name] == value, name


def each(feed: Feed, zone: str, check: Callable[[str, dict[Any, Any], dict[Any, Any]], None]) -> int:
    checked = 0
    for since, until in months(zone):
        for by in GROUPS:
            with access.scope(organization_id=feed.id):
                rows = totals.totals(since, until, [by], time_zone=zone).rows
            told = {row[by]: {**row, **totals.times(row)} for row in rows}
            exact = by_sql(feed, since, until, by, zone)
            nothing = [key for key, row in exact.items() if not any(row.values())]  # shadow refusals alone
            check(by, told, {key: row for key, row in exact.items() if key not in nothing or key in told})
            checked += len(exact)
    return checked


@pytest.mark.parametrize("zone", ["UTC", BERLIN, KATHMANDU, HAVANA])
def test_every_measure_by_every_dimension_is_sqls(filled: Feed, zone: str) -> None:
    def check(by: str, told: dict[Any, Any], exact: dict[Any, Any]) -> None:
        assert told.keys() == exact.keys(), by
        for group, row in exact.items():
            same(told[group], row)

    assert each(filled, zone, check) > 60


def test_totals_are_the_sum_of_their_rows_by_whatever_they_are_grouped(filled: Feed) -> None:
    since, until = months(BERLIN)[-1]
    for by in (
        ["project"],
        ["key", "model"],
        ["day", "account"],
        ["end_user"],
        ["end_user", "project", "day"],
    ):
        with access.scope(organization_id=filled.id):
            found = totals.totals(since, until, by, time_zone=BERLIN)
        for name in SUMS:
            assert sum(row[name] for row in found.rows) == found.totals[name], (by, name)


def test_all_made_again_from_the_ledger_is_the_same(filled: Feed) -> None:
    kept = _kept(filled)
    assert all(kept.values())
    rebuild.rebuild_all(filled.id)
    assert _kept(filled) == kept


def test_dirty_quarters_made_again_are_the_same(filled: Feed) -> None:
    kept = _kept(filled)
    with access.ledger():
        starts = {rollups.bucket_start(moment) for moment in MOMENTS[:5]}
        rows = [DirtyBucket(organization_id=filled.id, starts_at=start, reason="test") for start in starts]
        DirtyBucket.objects.bulk_create(rows)
    rebuild.rebuild()
    assert _kept(filled) == kept
    with access.operator():
        assert not DirtyBucket.objects.filter(organization_id=filled.id).exists()


def _kept(feed: Feed) -> dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]:
    found = {}
    with connections["operator"].cursor() as cursor:
        for table in rollups.TABLES:
            columns = ", ".join((*table.key, *SUMS))
            cursor.execute(f"SELECT {columns} FROM {table.name} WHERE organization_id = %s", [feed.id])
            rows = cursor.fetchall()
            found[table.name] = {row[: len(table.key)]: row[len(table.key) :] for row in rows}
    return found


def test_values_over_the_cap_of_a_day_are_summed_as_other(feed: Feed, settings: Any) -> None:
    settings.ORBIT_ROLLUP_VALUES = 2
    day = datetime(2026, 11, 3, 12, tzinfo=UTC)
    for at, user in enumerate(["ada", "bob", "ada", "cy", "dee"]):
        moment = day + timedelta(hours=at)
        feed.send(feed.call(admitted_us=int(moment.timestamp()) * 1_000_000, end_user=user, detail={}))
        feed.write()
    feed.send(feed.call(admitted_us=int((day + timedelta(days=1)).timestamp()) * 1_000_000, end_user="cy"))
    feed.write()

    def by_user(since: datetime) -> dict[Any, int]:
        with access.scope(organization_id=feed.id):
            rows = totals.totals(since, since + timedelta(days=1), ["end_user"]).rows
        return {row["end_user"]: row["requests"] for row in rows}

    midnight = datetime(2026, 11, 3, tzinfo=UTC)
    assert by_user(midnight) == {"ada": 2, "bob": 1, "(other)": 2}
    assert by_user(midnight + timedelta(days=1)) == {"cy": 1}
    rebuild.rebuild_all(feed.id)
    assert by_user(midnight) == {"ada": 2, "bob": 1, "(other)": 2}
