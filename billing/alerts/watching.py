"""Which rules have something to say now. Each says it once: the row that it did is there before anything is sent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from billing import budgets
from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.budgets import Budget
from billing.reports.spans import midnight
from orbit.lib import access
from orbit.lib.clock import rfc3339
from quotas import status
from quotas.limits import Limit
from quotas.policies import strictest
from quotas.status import Attached, open_projects
from quotas.usage import complete_until
from tenants.models import Organization

FORECAST = "forecast"
TO_THE_MINUTE = timedelta(minutes=2)  # the use of keys is noted by the minute
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)  # stands for the beginning of a budget that has none


def watched() -> list[UUID]:
    """Organizations with a rule."""
    with access.operator():
        live = Organization.objects.filter(deleted_at=None)
        rows = Alert.objects.filter(organization_id__in=live.values("pk"))
        return list(rows.order_by("organization_id").values_list("organization_id", flat=True).distinct())


def watch(organization_id: UUID) -> int:
    """Notes what the organization's rules have to say; returns how many notices there are to be sent.

    Keys are looked at some at a time, each time in a transaction of its own; where they are many, those that were used since the
    last time, and all once a day. RedisError when the counting store is away: budgets cannot be read then.
    """
    began, told, after = datetime.now(UTC), 0, None
    with access.scope(organization_id=organization_id):
        looker = _Looker(Organization.objects.get(), list(Alert.objects.all()))
        if not looker.alerts:
            return 0
        attached, projects = Attached(looker.organization), list(open_projects().order_by("slug"))
        is_large = attached.has_many_keys(projects)
        told += looker.look([*attached.of_whole(), *attached.of_projects(projects)])
    since = _since(looker.alerts, began) if is_large else None
    while True:
        with access.scope(organization_id=organization_id):
            keys = attached.next_keys(projects, after, since)
            told += looker.look(attached.of_keys(keys))
        if len(keys) < status.MOST_KEYS:
            break
        after = keys[-1].pk
    if is_large:
        _note(looker, began)
    return told


def _since(alerts: Sequence[Alert], now: datetime) -> datetime | None:
    """From when on the use of a key is news to every rule; None: all keys are to be looked at."""
    moments = [one.watched_at for one in alerts if one.watched_at is not None]
    if len(moments) < len(alerts) or min(moments).date() != now.date():
        return None
    return min(moments) - TO_THE_MINUTE


def _note(looker: _Looker, began: datetime) -> None:
    """Up to when they have seen what was used: not beyond what the ledger knows, whose writer notes the use of keys."""
    organization = looker.organization
    with access.scope(organization_id=organization.pk):
        seen = min(began, complete_until(organization.shard, began))
        ids = [one.pk for one in looker.alerts]
        Alert.objects.filter(pk__in=ids).update(watched_at=seen)


def begins(organization: Organization, budget: Budget) -> datetime:
    """The first day of its period as midnight of UTC: the same after the organization has moved to another time zone."""
    if budget.starts_at is None:
        return ALWAYS
    return midnight(budget.starts_at.astimezone(ZoneInfo(organization.time_zone)).date(), ZoneInfo("UTC"))


Place = tuple[UUID, str, datetime]  # a rule, a counter, and when its period began


@dataclass(frozen=True, slots=True)
class _Looker:
    organization: Organization
    alerts: Sequence[Alert]

    def look(self, limits: Sequence[Limit]) -> int:
        """Forecasts are made of those budgets alone of which something may be said."""
        some = strictest(limits, time.time_ns() // 1000)
        found = {one.limit.counter: one for one in budgets.read(self.organization, some)}
        plain = [budgets.budget(one) for one in found.values()]
        pairs = [(alert, one) for one in plain for alert in self.alerts if alert.budget in ("", one.name)]
        pairs = [(alert, one) for alert, one in pairs if alert.on_forecast or any(_reached(alert, one))]
        known = self._known(pairs)
        pairs = [(alert, one) for alert, one in pairs if _may_speak(alert, one, known[self._at(alert, one)])]
        speaking = {one.counter for _, one in pairs}
        made = budgets.foretold(self.organization, [found[one] for one in speaking])
        by_counter = {one.counter: one for one in made}
        return sum(
            _say(self.organization, alert, by_counter[one.counter], known[self._at(alert, one)])
            for alert, one in pairs
        )

    def _known(self, pairs: Sequence[tuple[Alert, Budget]]) -> Mapping[Place, set[str]]:
        """The thresholds that were told, in one query."""
        known: dict[Place, set[str]] = defaultdict(set)
        if pairs:
            places = [self._at(alert, one) for alert, one in pairs]
            alerts, counters, moments = (set(column) for column in zip(*places, strict=True))
            rows = Notice.objects.filter(alert_id__in=alerts, counter__in=counters, starts_at__in=moments)
            for *place, threshold in rows.values_list("alert_id", "counter", "starts_at", "threshold"):
                known[tuple(place)].add(threshold)  # type: ignore[index]
        return known

    def _at(self, alert: Alert, budget: Budget) -> Place:
        return alert.pk, budget.counter[:300], begins(self.organization, budget)


def _may_speak(alert: Alert, budget: Budget, known: set[str]) -> bool:
    """Without its forecast."""
    if (
        alert.on_forecast
        and FORECAST not in known
        and budget.ends_at
        and budget.spent_nano < budget.limit_nano
    ):
        return True
    return any(one not in known for one in _reached(alert, budget))


def _say(organization: Organization, alert: Alert, budget: Budget, known: set[str]) -> int:
    """`known`: what was told of it before."""
    new = [one for one in _reached(alert, budget) if one not in known]
    loudest = [one for one in new if one != FORECAST][-1:]
    told = 0
    for threshold in new:
        is_silent = threshold != FORECAST and threshold not in loudest
        notice = Notice(
            organization_id=organization.pk,
            alert_id=alert.pk,
            alert_name=alert.name,
            counter=budget.counter[:300],
            starts_at=begins(organization, budget),
            threshold=threshold,
            facts=facts(organization, budget),
            is_silent=is_silent,
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
