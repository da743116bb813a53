"""Saved reports and their mail: to members alone, once a period, and again only where nobody knows whether it went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from smtplib import SMTPException
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.mail.backends.locmem import EmailBackend

from billing.reports import mailing, saved
from billing.reports.mailing import Due
from billing.reports.models import ReportMail, ReportView
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas import usage
from tenants import services
from tenants.models import Membership, Organization
from tests.console.conftest import Tenant, make_person, quarter

BEFORE = datetime(2026, 11, 3, 12, tzinfo=UTC)
MONTH = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the ledger had all: the acts that make a test's tenants wait for their writer."""
    monkeypatch.setattr(usage, "complete_until", lambda shard, now: now)


def save(tenant: Tenant, **more: Any) -> ReportView:
    given = {
        "name": "Costs",
        "words": {"by": "project", "range": "last-month"},
        "schedule": "month",
        "form": "csv",
        "recipients": [tenant.owner.email],
    }
    return saved.save_report_view(
        organization_id=tenant.organization.pk, actor="test", **{**given, **more}
    ).row


def due(tenant: Tenant, view: ReportView) -> Due:
    with access.scope(organization_id=tenant.organization.pk):
        ReportView.objects.update(scheduled_at=BEFORE)
    return Due(tenant.organization.pk, view.pk)


def mails(tenant: Tenant) -> list[ReportMail]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(ReportMail.objects.order_by("period"))


def sent(tenant: Tenant) -> list[Any]:
    return [one for one in mail.outbox if one.to == [tenant.owner.email]]


def test_each_period_is_mailed_once_with_its_file(tenant: Tenant) -> None:
    tenant.bucket(quarter(datetime(2026, 11, 12, tzinfo=UTC)), requests=2, cost_nano=5_000_000)
    tenant.bucket(quarter(datetime(2026, 12, 1, tzinfo=UTC)), requests=70, cost_nano=70)
    one = due(tenant, save(tenant))
    assert not mailing.send(one, MONTH)  # what was under way is not in the ledger yet
    assert mailing.send(one, MONTH + timedelta(minutes=31))
    assert not mailing.send(one, MONTH + timedelta(days=20))
    assert mailing.send(one, MONTH + timedelta(days=32))
    first, second = sent(tenant)
    assert "2026-11-01 to 2026-11-30" in first.subject
    assert "$0.005" in first.body
    ((name, content, kind),) = first.attachments
    assert name.endswith("-project-2026-11-01-2026-11-30.csv")
    assert (kind, "0.005" in str(content)) == ("text/csv", True)
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]


def test_a_running_range_is_of_the_period_that_ended(tenant: Tenant) -> None:
    tenant.bucket(quarter(datetime(2026, 11, 12, tzinfo=UTC)), requests=2, cost_nano=5_000_000)
    one = due(tenant, save(tenant, words={"by": "none", "range": "month"}))
    assert mailing.send(one, MONTH + timedelta(hours=1))
    assert "2026-11-01 to 2026-11-30" in sent(tenant)[0].subject


def test_it_waits_for_a_ledger_that_is_behind(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    one, until = due(tenant, save(tenant)), MONTH - timedelta(minutes=1)

    def behind(shard: int, now: datetime) -> datetime:
        return until

    def away(shard: int, now: datetime) -> datetime:
        raise ConnectionError

    monkeypatch.setattr(usage, "complete_until", behind)
    assert not mailing.send(one, MONTH + timedelta(hours=5))
    monkeypatch.setattr(usage, "complete_until", away)
    assert not mailing.send(one, MONTH + timedelta(hours=5))
    assert mails(tenant) == []
    until = MONTH
    monkeypatch.setattr(usage, "complete_until", behind)
    assert mailing.send(one, MONTH + timedelta(hours=5))
    assert "Not all calls" not in sent(tenant)[0].body


def test_after_six_hours_it_goes_and_says_that_figures_are_too_low(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = due(tenant, save(tenant))
    monkeypatch.setattr(usage, "complete_until", lambda shard, now: MONTH - timedelta(hours=3))
    assert mailing.send(one, MONTH + timedelta(hours=6, minutes=1))
    assert "Not all calls of these days were counted" in sent(tenant)[0].body


@pytest.mark.parametrize(
    "calendar", [{"time_zone": "Europe/Berlin"}, {"time_zone": "America/New_York"}, {"month_starts_on": 15}]
)
def test_another_calendar_mails_no_month_twice(tenant: Tenant, calendar: dict[str, Any]) -> None:
    one = due(tenant, save(tenant))
    assert mailing.send(one, MONTH + timedelta(hours=1))
    with access.scope(organization_id=tenant.organization.pk):
        Organization.objects.update(**calendar)
    assert not mailing.send(one, MONTH + timedelta(hours=9))
    assert mailing.send(one, MONTH + timedelta(days=32))
    assert len(sent(tenant)) == 2


def test_who_died_over_it_is_followed_by_another(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    one, now = due(tenant, save(tenant)), MONTH + timedelta(hours=1)

    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(mailing, "_made", die)
        with pytest.raises(Died):
            mailing.send(one, now)
    assert not mailing.send(one, now + timedelta(minutes=5))
    assert mailing.send(one, now + timedelta(minutes=16))
    assert not mailing.send(one, now + timedelta(minutes=40))
    assert len(sent(tenant)) == 1


def test_an_address_that_is_refused_keeps_the_mail_from_nobody_else(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [make_person() for _ in range(3)]
    for person in people:
        services.add_member(
            organization_id=tenant.organization.pk, person=person, role="finance", actor="test"
        )
    one = due(tenant, save(tenant, recipients=[person.email for person in people]))
    now = MONTH + timedelta(hours=1)
    really = EmailBackend.send_messages

    def picky(self: EmailBackend, messages: Any) -> Any:
        if messages[0].to == [people[1].email]:
            raise SMTPException("no such mailbox")
        return really(self, messages)

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", picky)
        assert not mailing.send(one, now)
        assert not mailing.send(one, now + timedelta(minutes=16))
    assert "no such mailbox" in mails(tenant)[0].problem
    assert mailing.send(one, now + timedelta(minutes=32))
    got = [mail_.to[0] for mail_ in mail.outbox if mail_.to[0] in {person.email for person in people}]
    assert got == [people[0].email, people[2].email, people[1].email]


def test_mail_that_nobody_takes_is_tried_again_and_says_why(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, now = due(tenant, save(tenant)), MONTH + timedelta(hours=1)

    def refuse(*_: Any) -> Any:
        raise SMTPException("no room")

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        assert not mailing.send(one, now)
    assert "no room" in mails(tenant)[0].problem
    assert mailing.send(one, now + timedelta(minutes=16))
    assert (mails(tenant)[0].problem, mails(tenant)[0].tries) == ("", 2)


def test_figures_go_to_members_who_may_see_them(tenant: Tenant) -> None:
    with pytest.raises(InputError, match="no member"):
        save(tenant, recipients=["somebody@example.com"])
    guest = make_person()
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.add_member(**where, person=guest, role="auditor")
    view = save(tenant, recipients=[guest.email])
    tenant.remove(guest)
    assert mailing.send(due(tenant, view), MONTH + timedelta(hours=1))
    assert [one for one in mail.outbox if one.to == [guest.email]] == []
    assert mails(tenant)[0].problem == "nobody is left to write to"


def test_days_that_never_move_are_not_mailed(tenant: Tenant) -> None:
    words = {"range": "custom", "from": "2026-11-01", "to": "2026-11-02"}
    assert save(tenant, words=words, schedule="never", recipients=[]).schedule == "never"
    with pytest.raises(InputError, match="never moves on"):
        save(tenant, name="Other", words=words)


def test_saving_takes_the_right(tenant: Tenant) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=person, role="developer")
    with access.scope(organization_id=tenant.organization.pk):
        member = Membership.objects.get(person=person)
    with pytest.raises(PermissionDenied):
        saved.save_report_view(organization_id=tenant.organization.pk, actor=member, name="X", words={})


def test_a_deleted_one_is_mailed_no_more(tenant: Tenant) -> None:
    view = save(tenant)
    one = due(tenant, view)
    assert saved.delete_report_view(organization_id=tenant.organization.pk, actor="test", view_id=view.pk)
    assert not mailing.send(one, MONTH + timedelta(hours=1))
    assert not saved.delete_report_view(organization_id=tenant.organization.pk, actor="test", view_id=view.pk)
