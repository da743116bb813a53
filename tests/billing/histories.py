"""A past of calls, corrections and adjustments at awkward times, and what Python makes of the ledger's rows by itself."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.db import connections

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7
from tenants import services
from tenants.models import Project
from tests.audit.conftest import Feed

FIGURES = (
    "requests", "refused", "failed", "input_tokens", "output_tokens", "cost_nano", "estimated_requests",
    "unpriced_requests",
)  # fmt: skip
# Beside ordinary ones: ends of months, and changes of the clock in Berlin, St John's and Lord Howe (by half an hour).
MOMENTS = (
    datetime(2026, 2, 28, 22, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 3, 29, 59, tzinfo=UTC),
    datetime(2026, 3, 8, 5, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC),
    datetime(2026, 4, 4, 15, 0, tzinfo=UTC),
    datetime(2026, 4, 4, 13, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 10, 24, 22, 0, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 18, 14, 59, tzinfo=UTC),
    datetime(2026, 10, 31, 18, 15, tzinfo=UTC),
    datetime(2026, 11, 1, 2, 30, tzinfo=UTC),
)
OF_A_KEY = ("project_id", "project", "key_id", "key")
CENTRES = ("CC-1", "CC-1", "")


def projects(feed: Feed) -> list[UUID]:
    """Three, of two cost centres, the last of none."""
    for number, centre in enumerate(CENTRES):
        services.save_project(
            organization_id=feed.id, slug=f"p{number}", name=f"P {number}", cost_centre=centre, actor="test"
        )
    with access.operator():
        return list(
            Project.objects.filter(organization_id=feed.id).order_by("slug").values_list("pk", flat=True)
        )


def fill(feed: Feed, seed: int, count: int = 120) -> None:
    seeded = random.Random(seed)
    places = [(str(project), str(uuid4())) for project in projects(feed) for _ in range(2)]
    accounts = [str(uuid4()), str(uuid4()), None]
    for at in range(count):
        moment = MOMENTS[at % len(MOMENTS)] + timedelta(seconds=seeded.choice((0, 0, 0, 900, 3600, 40_000)))
        project, key = seeded.choice(places)
        failed = seeded.random() < 0.2
        event = feed.call(
            admitted_us=int(moment.timestamp()) * 1_000_000 + moment.microsecond,
            project_id=project,
            key_id=key,
            account_id=seeded.choice(accounts),
            model=seeded.choice(["a", "b", None]),
            status="provider_failed" if failed else seeded.choice(["settled", "settled", "lease_expired"]),
            code="upstream_error" if failed else seeded.choice([None, None, "client_gone"]),
            usage_source=seeded.choice(["provider", "provider", "estimated", "partial"]),
            end_user=seeded.choice(["ada", "bob", None]),
            input_tokens=seeded.choice([None, seeded.randrange(5_000)]),
            output_tokens=seeded.randrange(900),
            cost_nano=seeded.choice([None, 0, seeded.randrange(10**4), seeded.randrange(10**9)]),
            detail={"tags": seeded.choice([{}, {"team": "a"}, {"team": "b", "feature": "x"}])},
        )
        feed.send(event)
        if seeded.random() < 0.2:
            feed.send({**event, "status": "settled", "output_tokens": 7, "cost_nano": 5}, kind="late")
        if seeded.random() < 0.15:
            adjust(feed, event, seeded.randrange(-(10**6), 10**6))
        if seeded.random() < 0.05:
            of_nobody = {name: value for name, value in event.items() if name not in OF_A_KEY}
            adjust(feed, of_nobody, seeded.randrange(1, 10**6))
    feed.send(refusals(feed, places[0]), kind="refusal", n="4")
    feed.write()


def refusals(feed: Feed, place: tuple[str, str]) -> str:
    caller = {name: feed.call()[name] for name in ("organization_id", "organization", "key", "project")}
    caller |= {"project_id": place[0], "key_id": place[1], "model": "a"}
    minute = int(MOMENTS[2].timestamp() // 60) * 60_000_000
    return "\n".join((str(minute), "insufficient_quota", "budget", json.dumps(caller)))


def adjust(feed: Feed, event: dict[str, Any], cost_nano: int) -> None:
    """What a person settled later, as finance posts it: through the outbox, in the window of the call."""
    moment = datetime.fromtimestamp(event["admitted_us"] // 1_000_000, UTC)
    told = {
        name: event[name]
        for name in (
            "organization_id",
            "organization",
            "project_id",
            "project",
            "key_id",
            "key",
            "account_id",
            "model",
            "currency",
        )
        if event.get(name) is not None
    }
    with access.scope(organization_id=feed.id):
        OutboxEntry.objects.create(
            organization_id=feed.id,
            shard=feed.organization.shard,
            event={
                **told,
                "v": 1,
                "event_id": str(uuid7()),
                "kind": "adjustment",
                "corrects": event["event_id"],
                "admitted_at": rfc3339(moment.replace(microsecond=event["admitted_us"] % 1_000_000)),
                "cost_nano": cost_nano,
                "detail": {"reason": "test"},
            },
        )


Row = dict[str, Any]


def ledger(feed: Feed) -> list[Row]:
    """The rows themselves, in the plainest way."""
    columns = (
        "kind", "admitted_at", "project_id", "key_id", "account_id", "model", "end_user", "code", "status",
        "usage_source", "input_tokens", "output_tokens", "cost_nano", '"count"', "detail",
    )  # fmt: skip
    with connections["operator"].cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM audit_event WHERE organization_id = %s AND kind <> 'act'",
            [feed.id],
        )
        names = [one.strip('"') for one in columns]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["detail"] = json.loads(row["detail"]) if isinstance(row["detail"], str) else row["detail"]
    return rows


def counted(rows: Iterable[Row]) -> dict[str, int]:
    found = dict.fromkeys(FIGURES, 0)
    for row in rows:
        is_call = row["kind"] == "call"
        found["requests"] += is_call
        found["refused"] += (row["count"] or 0) if row["kind"] == "refusal" else 0
        found["failed"] += is_call and row["status"] == "provider_failed"
        for name in ("input_tokens", "output_tokens", "cost_nano"):
            found[name] += row[name] or 0
        found["estimated_requests"] += is_call and row["usage_source"] != "provider"
        found["unpriced_requests"] += (
            is_call and row["cost_nano"] is None and row["status"] != "provider_failed"
        )
    return found


@dataclass(frozen=True)
class Groups:
    """Which groups a row belongs to, by each dimension."""

    zone: ZoneInfo
    names: dict[UUID, str]
    centres: dict[UUID, str]
    week_starts: int = 0
    month_starts_on: int = 1

    def of(self, name: str, row: Row) -> list[str | None]:
        makers: dict[str, Callable[[Row], list[str | None]]] = {
            "project": lambda one: [self.names.get(one["project_id"])],
            "cost_centre": lambda one: [self.centres.get(one["project_id"]) or None],
            "key": lambda one: [str(one["key_id"]) if one["key_id"] else None],
            "account": lambda one: [str(one["account_id"]) if one["account_id"] else None],
            "model": lambda one: [one["model"] or None],
            "end_user": lambda one: [one["end_user"] if one["kind"] != "refusal" else None],
            "code": lambda one: [one["code"]],
            "tag": self._tags,
            "day": lambda one: [self._day(one).isoformat()],
            "week": lambda one: [self._week(self._day(one)).isoformat()],
            "month": lambda one: [self._month(self._day(one)).isoformat()],
        }
        return makers[name](row)

    def _tags(self, row: Row) -> list[str | None]:
        tags = row["detail"].get("tags") if row["kind"] != "refusal" else None
        return [f"{name}={value}" for name, value in (tags or {}).items()] or [None]

    def _day(self, row: Row) -> date:
        moment: datetime = row["admitted_at"]
        return moment.astimezone(self.zone).date()

    def _week(self, day: date) -> date:
        return day - timedelta(days=(day.weekday() - self.week_starts) % 7)

    def _month(self, day: date) -> date:
        first = day.replace(day=self.month_starts_on)
        return (
            first
            if first <= day
            else (first - timedelta(days=self.month_starts_on + 1)).replace(day=self.month_starts_on)
        )

    def sums(self, rows: Iterable[Row], by: tuple[str, ...]) -> dict[tuple[str | None, ...], dict[str, int]]:
        groups: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
        for row in rows:
            for first in self.of(by[0], row):
                for second in self.of(by[1], row) if len(by) > 1 else [None]:
                    groups[(first, second)[: len(by)]].append(row)
        return {group: made for group, some in groups.items() if any((made := counted(some)).values())}
