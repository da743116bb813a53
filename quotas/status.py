"""How an organization's limits stand: spent, held, free. For pages, commands and the management API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from orbit.lib.clock import from_us, rfc3339
from orbit.lib.store import client
from quotas import keys, usage
from quotas.counters import Counter
from quotas.limits import FOREVER, SMOOTH_US, Calendar, Limit, Window, window_at
from quotas.policies import calendar_of, limits_of, strictest
from tenants.models import ApiKey, Organization, PolicyRevision, Project


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """One limit's figures in its own unit, cost in nano. A smooth limit's window is open: it drains all the time."""

    name: str
    level: str
    object: str
    meter: str
    per: str | None
    models: tuple[str, ...] | None
    window_start: datetime | None
    window_end: datetime | None
    limit: int
    spent: int
    held: int
    free: int
    held_calls: int

    def as_json(self) -> dict[str, Any]:
        window = None
        if self.window_start and self.window_end:
            window = {"start": rfc3339(self.window_start), "end": rfc3339(self.window_end)}
        return {
            "name": self.name,
            "level": self.level,
            "object": self.object,
            "meter": self.meter,
            "per": self.per,
            "models": list(self.models) if self.models is not None else None,
            "shadow": False,
            "window": window,
            "limit": self.limit,
            "spent": self.spent,
            "held": self.held,
            "free": self.free,
            "held_calls": self.held_calls,
        }


def organization_limits(organization_id: UUID) -> list[LimitStatus]:
    """Every limit of the organization in scope, its projects and its usable keys. RedisError when the store is away."""
    organization = Organization.objects.get(pk=organization_id)
    documents = current_documents()
    limits: list[Limit] = []

    def add(policy_id: UUID | None, **where: str) -> None:
        if policy_id is not None:
            limits.extend(limits_of(documents[policy_id], **where))

    add(
        organization.policy_id,
        level="organization",
        object_id=str(organization.pk),
        object_name=organization.slug,
    )
    projects = {project.pk: project for project in Project.objects.filter(archived_at=None).order_by("slug")}
    for project in projects.values():
        add(project.policy_id, level="project", object_id=str(project.pk), object_name=project.slug)
    for key in ApiKey.objects.filter(revoked_at=None, project_id__in=projects).order_by("name"):
        project = projects[key.project_id]
        where = {"object_id": str(key.pk), "object_name": f"{project.slug}/{key.name}"}
        add(key.policy_id, level="key", **where)
        for policy_id in {one for one in (organization.policy_id, project.policy_id) if one is not None}:
            each = limits_of(
                documents[policy_id],
                level="key",
                **where,
                key_id=where["object_id"],
                key_name=where["object_name"],
            )
            names = {rule["name"] for rule in documents[policy_id]["limits"] if rule.get("of") == "each_key"}
            limits.extend(limit for limit in each if limit.name in names)
    return standing(organization.shard, str(organization.pk), strictest(limits, time.time_ns() // 1000), calendar_of(organization))


def current_documents() -> dict[UUID, dict[str, Any]]:
    """The document in force of each policy of the organization in scope."""
    rows = PolicyRevision.objects.filter(number=F("policy__revision"))
    return dict(rows.values_list("policy_id", "document"))


def standing(
    shard: int, organization_id: str, limits: Sequence[Limit], calendar: Calendar
) -> list[LimitStatus]:
    """The figures of limits right now. A counter that nobody used yet shows what the ledger says."""
    now = time.time_ns() // 1000
    windows = [None if one.per is None or one.smooth else window_at(one.per, calendar, now) for one in limits]
    pipeline = client().pipeline(transaction=False)
    for limit, window in zip(limits, windows, strict=True):
        pipeline.get(keys.counter(shard, limit.counter, window.start if window else None))
    found: list[bytes | None] = pipeline.execute()
    return [
        status(limit, window, _counter(shard, organization_id, limit, window, value), now)
        for limit, window, value in zip(limits, windows, found, strict=True)
    ]


def _counter(
    shard: int, organization_id: str, limit: Limit, window: Window | None, value: bytes | None
) -> Counter:
    if value is not None:
        return Counter.unpack(value)
    return Counter(usage.spent(shard, organization_id, limit, window).total if window else 0)


def status(limit: Limit, window: Window | None, figures: Counter, now_us: int) -> LimitStatus:
    """From a counter to the figures shown."""
    used, held, calls, last = figures
    ceiling = limit.burst if limit.smooth else limit.limit
    if limit.smooth and limit.per:
        used = -(-max(0, used - max(0, now_us - last) * limit.limit) // SMOOTH_US[limit.per])
    bounded = window is not None and window != FOREVER
    return LimitStatus(
        name=limit.name,
        level=limit.level,
        object=limit.object_name,
        meter=limit.meter,
        per=limit.per,
        models=limit.models,
        window_start=from_us(window.start) if bounded and window else None,
        window_end=from_us(window.end) if bounded and window else None,
        limit=limit.limit,
        spent=used,
        held=held,
        free=max(0, ceiling - used - held),
        held_calls=calls,
    )
