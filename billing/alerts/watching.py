"""Which rules have something to say now. Each says it once: the row that it did is there before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.budgets import Budget, budgets
from orbit.lib import access
from orbit.lib.clock import rfc3339
from tenants.models import Organization

FORECAST = "forecast"
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)  # stands for the beginning of a budget that has none


def watched() -> list[UUID]:
    """Organizations with a rule."""
    with access.operator():
        live = Organization.objects.filter(deleted_at=None)
        rows = Alert.objects.filter(organization_id__in=live.values("pk"))
        return list(rows.order_by("organization_id").values_list("organization_id", flat=True).distinct())


def watch(organization_id: UUID) -> int:
    """Notes what the organization's rules have to say; returns how many notices there are to be sent.

    RedisError when the counting store is away: budgets cannot be read then.
    """
    with access.scope(organization_id=organization_id):
        organization = Organization.objects.get()
        alerts = list(Alert.objects.all())
        found = budgets(organization) if alerts else []
        told = 0
        for alert in alerts:
            for budget in found:
                if not alert.budget or alert.budget == budget.name:
                    told += _say(organization, alert, budget)
    return told


def _say(organization: Organization, alert: Alert, budget: Budget) -> int:
    reached = list(_reached(alert, budget))
    if not reached:
        return 0
    where = {"alert_id": alert.pk, "counter": budget.counter[:300], "starts_at": budget.starts_at or ALWAYS}
    known = set(Notice.objects.filter(**where).values_list("threshold", flat=True))
    new = [one for one in reached if one not in known]
    loudest = [one for one in new if one != FORECAST][-1:]
    told = 0
    for threshold in new:
        is_silent = threshold != FORECAST and threshold not in loudest
        notice = Notice(
            organization_id=organization.pk,
            alert_name=alert.name,
            threshold=threshold,
            facts=facts(organization, budget),
            is_silent=is_silent,
            **where,
        )
        Notice.objects.bulk_create([notice], ignore_conflicts=True)
        if not Notice.objects.filter(pk=notice.pk).exists():
            continue  # another worker was there first
        if not is_silent:
            NoticeDelivery.objects.bulk_create(_deliveries(alert, notice))
            told += 1
    return told


def _reached(alert: Alert, budget: Budget) -> Iterator[str]:
    """Thresholds that are passed, the lowest first. A forecast says nothing more once the budget is spent."""
    if alert.on_forecast and budget.is_over_by_forecast and budget.spent_nano < budget.limit_nano:
        yield FORECAST
    for percent in alert.percents:
        if 100 * budget.spent_nano >= percent * budget.limit_nano:
            yield str(percent)


def _deliveries(alert: Alert, notice: Notice) -> list[NoticeDelivery]:
    where: dict[str, Any] = {"organization_id": notice.organization_id, "notice": notice}
    ways = [NoticeDelivery(**where, way="mail", to=address) for address in alert.recipients]
    if alert.hook_sealed is not None:
        ways.append(NoticeDelivery(**where, way="webhook", to=alert.hook_host))
    return ways


def facts(organization: Organization, budget: Budget) -> dict[str, Any]:
    """What a notice says, as it was then."""
    return {
        "organization": organization.slug,
        "budget": budget.name,
        "level": budget.level,
        "object": budget.object,
        "per": budget.per,
        "models": list(budget.models) if budget.models is not None else None,
        "shadow": budget.shadow,
        "currency": organization.currency,
        "limit_nano": budget.limit_nano,
        "spent_nano": budget.spent_nano,
        "percent": budget.percent,
        "expected_nano": budget.expected_nano,
        "low_nano": budget.low_nano,
        "high_nano": budget.high_nano,
        "starts_at": rfc3339(budget.starts_at) if budget.starts_at else None,
        "ends_at": rfc3339(budget.ends_at) if budget.ends_at else None,
        "time_zone": organization.time_zone,
        "read_at": rfc3339(budget.read_at),
    }
