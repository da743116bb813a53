"""Alerts say each thing once, by mail and webhook, whatever dies in between."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from pytest_django import Settings

from audit.models import OutboxEntry
from billing.alerts import rules, sending, watching
from billing.alerts.models import Alert, Notice, NoticeDelivery
from billing.alerts.sending import Waiting
from billing.alerts.watching import watch
from billing.budgets import Budget, budgets
from billing.tasks import send_notices, watch_budgets
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import Organization
from tenants.services.saved import Saved
from tests.billing.receiving import Receiver, receiving
from tests.console.conftest import Tenant, make_person, make_tenant, quarter

LIMIT = 50 * 10**9  # as tests.console.conftest has it, for a month


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as made:
        settings.ORBIT_PRIVATE_TARGETS = [f"127.0.0.1:{made.port}"]
        yield made


def save(tenant: Tenant, **more: Any) -> Saved[Alert]:
    given = {"name": "Budgets", "percents": [50, 80, 100], "recipients": [tenant.owner.email]}
    return rules.save_alert(organization_id=tenant.organization.pk, actor="test", **{**given, **more})


def spend(tenant: Tenant, percent: int) -> None:
    tenant.bucket(quarter(datetime.now(UTC)), requests=1, cost_nano=LIMIT * percent // 100)


def notices(tenant: Tenant) -> list[tuple[str, bool]]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(Notice.objects.order_by("pk").values_list("threshold", "is_silent"))


def ways(tenant: Tenant) -> list[NoticeDelivery]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(NoticeDelivery.objects.order_by("pk"))


def send_all(tenant: Tenant, now: datetime | None = None) -> int:
    at = now or datetime.now(UTC)
    return sum(sending.send(Waiting(tenant.organization.pk, one.pk), at) for one in ways(tenant))


def mailed(tenant: Tenant) -> list[Any]:
    return [one for one in mail.outbox if one.to == [tenant.owner.email]]


def read(tenant: Tenant) -> Budget:
    with access.scope(organization_id=tenant.organization.pk):
        (found,) = budgets(tenant.organization)
    return found


def test_a_budget_shows_its_pace(tenant: Tenant) -> None:
    spend(tenant, 30)
    found = read(tenant)
    assert (found.name, found.per, found.limit_nano, found.spent_nano) == (
        "budget",
        "month",
        LIMIT,
        LIMIT * 3 // 10,
    )
    assert found.percent == 30.0
    assert found.elapsed_percent is not None
    assert (
        found.pace == pytest.approx(30 / found.elapsed_percent, abs=0.01) if found.elapsed_percent else True
    )
    assert found.expected_nano is None  # one day is no history


def test_a_budgets_forecast_begins_with_what_is_spent(tenant: Tenant) -> None:
    now = datetime.now(UTC)
    for at in range(1, 28):
        tenant.bucket(quarter(now - timedelta(days=at)), requests=1, cost_nano=10**9)
    found = read(tenant)
    assert found.ends_at is not None
    assert found.expected_nano is not None
    left = (found.ends_at - now) / timedelta(days=1)
    assert found.expected_nano == pytest.approx(found.spent_nano + left * 10**9, rel=0.1, abs=10**9)
    assert found.low_nano is not None
    assert found.high_nano is not None
    assert found.spent_nano <= found.low_nano <= found.expected_nano <= found.high_nano


def test_each_threshold_is_said_once(tenant: Tenant) -> None:
    save(tenant)
    assert watch(tenant.organization.pk) == 0
    spend(tenant, 55)
    assert watch(tenant.organization.pk) == 1
    assert watch(tenant.organization.pk) == 0
    spend(tenant, 50)
    assert watch(tenant.organization.pk) == 1
    assert notices(tenant) == [("50", False), ("80", True), ("100", False)]
    assert send_all(tenant) == 2
    assert send_all(tenant) == 0
    first, second = mailed(tenant)
    assert "55 % spent" in first.subject
    assert "Calls that it covers are refused" in second.body
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]


def test_two_watchers_say_it_once(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one writes its row after this one has looked whether there is any."""
    alert = save(tenant).row
    spend(tenant, 55)
    really = watching.facts

    def beaten(organization: Organization, budget: Budget) -> dict[str, Any]:
        monkeypatch.setattr(watching, "facts", really)
        assert watching._say(organization, alert, budget, set()) == 1
        return really(organization, budget)

    monkeypatch.setattr(watching, "facts", beaten)
    assert watch(tenant.organization.pk) == 0
    assert notices(tenant) == [("50", False)]
    assert [one.way for one in ways(tenant)] == ["mail"]


def test_one_broken_webhook_keeps_nothing_from_others(tenant: Tenant) -> None:
    """Its master key is gone, or its row was damaged."""
    save(tenant, name="Broken", hook_url="https://hooks.example.com/x")
    save(tenant, name="Sound")
    with access.scope(organization_id=tenant.organization.pk):
        Alert.objects.filter(name="Broken").update(hook_sealed=b"damaged")
    spend(tenant, 55)
    assert watch(tenant.organization.pk) == 2
    assert send_all(tenant) == 2  # both mails; the post says what is the matter with it
    assert sorted((one.way, bool(one.problem)) for one in ways(tenant)) == [
        ("mail", False),
        ("mail", False),
        ("webhook", True),
    ]


def test_what_fails_with_one_organization_keeps_no_other_back(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_tenant()
    for one in (tenant, other):
        save(one, recipients=[one.owner.email])
        spend(one, 55)
    mine = {tenant.organization.pk, other.organization.pk}
    really_watch, really_send, tried = watch, sending.send, []

    def fragile_watch(organization_id: UUID) -> int:
        if organization_id == tenant.organization.pk:
            raise LookupError("anything")
        return really_watch(organization_id)

    def fragile_send(one: Waiting, now: datetime) -> bool:
        tried.append(one.organization_id)
        if one.organization_id == tenant.organization.pk:
            raise LookupError("anything")
        return really_send(one, now)

    assert really_watch(tenant.organization.pk) == 1
    save(tenant, name="Again")
    assert really_watch(tenant.organization.pk) == 1
    real = sending.waiting
    monkeypatch.setattr(watching, "watched", lambda: sorted(mine))
    monkeypatch.setattr(watching, "watch", fragile_watch)
    monkeypatch.setattr(sending, "send", fragile_send)
    monkeypatch.setattr(
        sending, "waiting", lambda now: [one for one in real(now) if one.organization_id in mine]
    )
    assert watch_budgets() == 1
    assert send_notices() == 1
    assert [one.to for one in mail.outbox if one.to == [other.owner.email]] == [[other.owner.email]]
    assert tried.count(tenant.organization.pk) == 1  # the second waits for its next turn


def test_a_forecast_is_told_before_the_money_is_gone(tenant: Tenant) -> None:
    save(tenant, percents=[], on_forecast=True)
    now = datetime.now(UTC)
    for at in range(1, 28):
        tenant.bucket(quarter(now - timedelta(days=at)), requests=1, cost_nano=1)
    found = read(tenant)
    assert found.ends_at is not None
    dear = round(LIMIT / max((found.ends_at - now) / timedelta(days=1), 0.01) * 3)
    for at in range(1, 28):
        tenant.bucket(quarter(now - timedelta(days=at)), requests=1, cost_nano=dear)
    if (
        read(tenant).spent_nano >= LIMIT
    ):  # late in a month the past days alone spend it: then it is too late for a forecast
        assert watch(tenant.organization.pk) == 0
        return
    assert watch(tenant.organization.pk) == 1
    assert watch(tenant.organization.pk) == 0
    assert notices(tenant) == [("forecast", False)]
    send_all(tenant)
    assert "will not last" in mailed(tenant)[0].subject


def test_a_webhook_is_signed_and_keeps_its_id(tenant: Tenant, receiver: Receiver) -> None:
    saved = save(tenant, recipients=[], hook_url=receiver.url)
    spend(tenant, 81)
    watch(tenant.organization.pk)
    receiver.status = 503
    now = datetime.now(UTC)
    assert send_all(tenant, now) == 0
    assert ways(tenant)[0].problem == "answered 503"
    receiver.status = 204
    assert send_all(tenant, now + timedelta(minutes=2)) == 0  # not yet
    assert send_all(tenant, now + timedelta(minutes=6)) == 1
    assert send_all(tenant, now + timedelta(hours=9)) == 0
    (first, _), (headers, body) = receiver.came
    assert first["webhook-id"] == headers["webhook-id"]
    key = base64.b64decode(saved.secret.removeprefix("whsec_"))
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.digest(key, signed, sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(body)
    assert (told["type"], told["data"]["threshold"], told["data"]["percent"]) == ("budget.alert", "80", 81.0)


def test_slack_gets_a_text(tenant: Tenant, receiver: Receiver) -> None:
    save(tenant, recipients=[], hook_url=receiver.url, hook_form="slack")
    spend(tenant, 55)
    watch(tenant.organization.pk)
    assert send_all(tenant) == 1
    told = json.loads(receiver.came[0][1])
    assert list(told) == ["text"]
    assert "55 % spent. $27.50 of $50.00" in told["text"]


def test_who_died_while_sending_is_followed_by_another(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tenant, recipients=[], hook_url=receiver.url)
    spend(tenant, 55)
    watch(tenant.organization.pk)

    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    now = datetime.now(UTC)
    with monkeypatch.context() as patch:
        patch.setattr(sending, "_post", die)
        with pytest.raises(Died):
            send_all(tenant, now)
    assert send_all(tenant, now + timedelta(minutes=1)) == 0
    assert send_all(tenant, now + timedelta(minutes=6)) == 1
    assert len(receiver.came) == 1


def test_a_webhooks_address_stays_secret(tenant: Tenant, receiver: Receiver) -> None:
    save(tenant, hook_url=receiver.url)
    with access.scope(organization_id=tenant.organization.pk):
        row = Alert.objects.get()
        acts = json.dumps([one.event for one in OutboxEntry.objects.all()])
    assert row.hook_host == f"127.0.0.1:{receiver.port}"
    assert "token-of-slack" not in acts
    assert b"token-of-slack" not in bytes(row.hook_sealed or b"")


def test_nothing_private_is_posted_to(tenant: Tenant) -> None:
    for url in ("http://127.0.0.1:9/x", "https://10.0.0.1/x", "ftp://example.com", "https://localhost/x"):
        with pytest.raises(InputError) as error:
            save(tenant, hook_url=url)
        assert error.value.path == "hook_url"


def test_what_is_wrong_is_named(tenant: Tenant) -> None:
    for more, field in (
        ({"percents": []}, "percents"),
        ({"percents": [0]}, "percents"),
        ({"recipients": []}, "recipients"),
        ({"recipients": ["x@example.com"]}, "recipients"),
        ({"name": ""}, "name"),
    ):
        with pytest.raises(InputError) as error:
            save(tenant, **more)
        assert error.value.path == field
    save(tenant)
    with pytest.raises(InputError, match="taken"):
        save(tenant)


def test_who_left_is_told_nothing(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=person, role="finance")
    save(tenant, recipients=[person.email])
    spend(tenant, 55)
    watch(tenant.organization.pk)
    tenant.remove(person)
    send_all(tenant)
    assert ways(tenant)[0].problem == "nobody is left to tell"
    assert [one for one in mail.outbox if one.to == [person.email]] == []


def test_a_budget_of_some_models_is_foretold_by_theirs_alone(tenant: Tenant) -> None:
    document = {
        "limits": [
            {"name": "mini", "meter": "cost", "per": "total", "limit": "50.00", "models": ["mini"]},
            {"name": "mini-month", "meter": "cost", "per": "month", "limit": "50.00", "models": ["mini"]},
        ]
    }
    services.save_policy(
        organization_id=tenant.organization.pk, actor="test", name="default", document=document
    )
    now = datetime.now(UTC)
    for at in range(1, 28):
        tenant.bucket(quarter(now - timedelta(days=at)), model="mini", requests=1, cost_nano=10**9)
        tenant.bucket(quarter(now - timedelta(days=at)), model="large", requests=1, cost_nano=10**11)
    with access.scope(organization_id=tenant.organization.pk):
        found = {one.name: one for one in budgets(tenant.organization)}
    month, total = found["mini-month"], found["mini"]
    assert month.ends_at is not None
    assert month.expected_nano is not None
    assert month.expected_nano - month.spent_nano < 32 * 10**9
    assert (total.ends_at, total.expected_nano, total.spent_nano) == (None, None, 27 * 10**9)
