"""Alerts of many organizations and many keys: none has to wait for another, and no key is passed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from billing import budgets, tasks
from billing.alerts import rules, sending, watching
from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.alerts.sending import Waiting
from billing.alerts.watching import watch
from orbit.lib import access
from orbit.lib.ids import uuid7
from quotas import status
from tenants.models import ApiKey, KeyUse, Organization
from tests.conftest import MakeTenant
from tests.console.conftest import Tenant, make_tenant, quarter

LIMIT = 50 * 10**9


@pytest.fixture
def other() -> Tenant:
    return make_tenant()


def save(tenant: Tenant, **more: Any) -> Alert:
    given = {"name": "Budgets", "percents": [50], "recipients": [tenant.owner.email]}
    return rules.save_alert(organization_id=tenant.organization.pk, actor="test", **{**given, **more}).row


def spend(tenant: Tenant, percent: int) -> None:
    tenant.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=LIMIT * percent // 100)


def deliveries(tenant: Tenant, number: int, **more: Any) -> list[UUID]:
    """Of notices that the organization's rules are to have made."""
    pk = tenant.organization.pk
    with access.scope(organization_id=pk):
        notice = Notice.objects.create(
            organization_id=pk, alert_id=uuid7(), alert_name="x", counter="x", threshold="50",
            starts_at=datetime(2026, 11, 1, tzinfo=UTC),
        )  # fmt: skip
        made = [
            NoticeDelivery(
                **{"organization_id": pk, "notice": notice, "way": "webhook", "to": f"h{at}", **more}
            )
            for at in range(number)
        ]
        return sorted(one.pk for one in NoticeDelivery.objects.bulk_create(made))


def waiting(*mine: Tenant) -> list[Waiting]:
    ids = {one.organization.pk for one in mine}
    return [one for one in sending.waiting(datetime.now(UTC)) if one.organization_id in ids]


def test_each_organization_has_its_turn_however_much_waits_elsewhere(tenant: Tenant, other: Tenant) -> None:
    many, few = deliveries(tenant, 30), deliveries(other, 2)
    found = [(one.organization_id, one.delivery_id) for one in waiting(tenant, other)]
    a, b = tenant.organization.pk, other.organization.pk
    assert found[:4] == [(a, many[0]), (b, few[0]), (a, many[1]), (b, few[1])]
    assert found[4:] == [(a, one) for one in many[2 : sending.EACH]]


def test_organizations_that_did_not_take_something_come_last(tenant: Tenant, other: Tenant) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    deliveries(tenant, 1, tries=1, claimed_at=long_ago)
    deliveries(tenant, 1, to="fresh")
    deliveries(other, 2)
    assert [one.organization_id for one in waiting(tenant, other)] == [
        *[other.organization.pk] * 2,
        *[tenant.organization.pk] * 2,
    ]


def test_what_hangs_costs_its_own_organization_alone(
    tenant: Tenant, other: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three receivers has no more time, and neither has a second message to a receiver that hung."""
    for to in ("a", "a", "b", "c"):
        deliveries(tenant, 1, to=to)
    deliveries(other, 1)
    clock, tried = [0.0], list[Waiting]()

    def hang(one: Waiting, now: datetime) -> bool:
        tried.append(one)
        clock[0] += 10 if one.organization_id == tenant.organization.pk else 0
        return one.organization_id == other.organization.pk

    real = sending.waiting
    mine = {tenant.organization.pk, other.organization.pk}
    monkeypatch.setattr(
        sending, "waiting", lambda now: [one for one in real(now) if one.organization_id in mine]
    )
    monkeypatch.setattr(sending, "send", hang)
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    assert tasks.send_notices() == 1
    places = [one.place for one in tried if one.organization_id == tenant.organization.pk]
    assert (len(places), places[0], "a" in places[1:]) == (2, "a", False)


def test_sending_is_not_for_the_watchers_time(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Watching that has run out of time says so, and keeps nothing from being sent."""
    clock, watched = [0.0, 0.0], list[UUID]()

    def slow(organization_id: UUID) -> int:
        watched.append(organization_id)
        clock[0] += 150
        return 0

    ids = [uuid7() for _ in range(4)]
    monkeypatch.setattr(watching, "watched", lambda: ids)
    monkeypatch.setattr(watching, "watch", slow)
    times = SimpleNamespace(monotonic=lambda: clock[0], time=lambda: clock[1])
    monkeypatch.setattr(tasks, "time", times)
    for minute in range(4):
        clock[0], clock[1] = 0.0, 60.0 * minute
        tasks.watch_budgets()
    assert set(watched) == set(ids)
    assert len(watched) == 8


def test_forecasts_are_made_where_something_is_to_be_said(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    foretold = list[int]()
    really = budgets.foretold

    def noted(organization: Any, found: Any) -> Any:
        foretold.append(len(found))
        return really(organization, found)

    monkeypatch.setattr(budgets, "foretold", noted)
    save(tenant)
    spend(tenant, 20)
    assert watch(tenant.organization.pk) == 0
    spend(tenant, 40)
    assert watch(tenant.organization.pk) == 1
    assert watch(tenant.organization.pk) == 0
    assert [one for one in foretold if one] == [1]
    save(tenant, name="Forecasts", percents=[], on_forecast=True)
    watch(tenant.organization.pk)
    assert [one for one in foretold if one] == [1, 1]


def test_what_was_told_is_read_once(tenant: Tenant) -> None:
    for name in ("A", "B", "C"):
        save(tenant, name=name)
    spend(tenant, 60)
    assert watch(tenant.organization.pk) == 3
    with CaptureQueriesContext(connections["default"]) as asked:
        assert watch(tenant.organization.pk) == 0
    assert len([one for one in asked.captured_queries if 'FROM "billing_notice"' in one["sql"]]) == 1


def _used(organization_id: UUID, at: datetime, key_id: UUID) -> None:
    with access.ledger():
        KeyUse.objects.update_or_create(
            key_id=key_id, defaults={"organization_id": organization_id, "used_at": at}
        )


def test_every_key_is_watched_of_however_many(
    make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them the first time and once a day, and between those that were used."""
    monkeypatch.setattr(status, "MOST_KEYS", 2)
    each = {"name": "each", "meter": "cost", "per": "month", "limit": "0.01", "of": "each_key"}
    made = make_tenant(
        {"projects": [{"slug": "app", "keys": [{"name": f"k{at}"} for at in range(5)]}]}, limits=[each]
    )
    where: dict[str, Any] = {"organization_id": made.id, "actor": "test"}
    alert = rules.save_alert(**where, name="Keys", percents=[50], hook_url="https://hooks.example.com/x").row
    with access.operator():
        found = list(ApiKey.objects.filter(organization_id=made.id).order_by("pk"))
    looked = list[str]()
    really = budgets.read

    def noted(organization: Any, limits: Any) -> Any:
        looked.extend(one.object_name for one in limits if one.level == "key")
        return really(organization, limits)

    monkeypatch.setattr(budgets, "read", noted)
    monkeypatch.setattr(watching, "complete_until", lambda shard, now: now)
    names = [f"app/{one.name}" for one in found]
    watch(made.id)
    assert looked == names
    looked.clear()
    now = datetime.now(UTC)
    with access.scope(organization_id=made.id):
        assert Alert.objects.get(pk=alert.pk).watched_at is not None
        Alert.objects.update(watched_at=now)
    _used(made.id, now - timedelta(hours=1), found[0].pk)
    for one in found[1:4]:
        _used(made.id, now, one.pk)
    watch(made.id)
    if now.date() == datetime.now(UTC).date():
        assert looked == names[1:4]
    looked.clear()
    with access.scope(organization_id=made.id):
        Alert.objects.update(watched_at=now - timedelta(days=1))
    watch(made.id)
    assert looked == names
    looked.clear()
    rules.save_alert(**where, name="Keys", percents=[60], alert_id=alert.pk)
    watch(made.id)
    assert looked == names


def test_a_ledger_that_is_behind_hides_no_key(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The use of a key is noted by the ledger's writer: what it has not written yet was not seen."""
    behind = datetime.now(UTC) - timedelta(hours=2)
    save(tenant)
    monkeypatch.setattr(status.Attached, "has_many_keys", lambda *_: True)
    monkeypatch.setattr(status.Attached, "next_keys", lambda *_: [])
    monkeypatch.setattr(status, "MOST_KEYS", 1)
    monkeypatch.setattr(watching, "complete_until", lambda shard, now: behind)
    watch(tenant.organization.pk)
    with access.scope(organization_id=tenant.organization.pk):
        assert Alert.objects.get().watched_at == behind


def test_a_period_is_the_same_in_another_time_zone(tenant: Tenant) -> None:
    (found,) = (one for one in _budgets(tenant) if one.name == "budget")
    organization = tenant.organization
    starts: dict[str, datetime] = {
        "UTC": datetime(2026, 11, 1, tzinfo=UTC),
        "Europe/Berlin": datetime(2026, 10, 31, 23, tzinfo=UTC),
        "America/New_York": datetime(2026, 11, 1, 4, tzinfo=UTC),  # summer's last day there
    }
    for zone, starts_at in starts.items():
        organization.time_zone = zone
        moved = budgets.Budget(
            **{name: getattr(found, name) for name in found.__slots__} | {"starts_at": starts_at}
        )
        assert watching.begins(organization, moved) == datetime(2026, 11, 1, tzinfo=UTC)


def _budgets(tenant: Tenant) -> list[budgets.Budget]:
    with access.scope(organization_id=tenant.organization.pk):
        return budgets.budgets(tenant.organization)


def test_a_time_zone_that_changes_says_nothing_again(tenant: Tenant) -> None:
    """Of a budget that is told by the day of its beginning, whatever moment that is."""
    save(tenant)
    spend(tenant, 60)
    assert watch(tenant.organization.pk) == 1
    with access.scope(organization_id=tenant.organization.pk):
        (notice,) = Notice.objects.all()
    assert (notice.starts_at.hour, notice.starts_at.minute) == (0, 0)
    zone = "Asia/Tokyo" if datetime.now(UTC).hour < 14 else "America/New_York"  # where it is the same day
    with access.scope(organization_id=tenant.organization.pk):
        Organization.objects.update(time_zone=zone)
    assert watch(tenant.organization.pk) == 0
