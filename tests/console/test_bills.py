"""The pages of reconciliation show what the API does, and settle exceptions for who may."""

from __future__ import annotations

import re
from datetime import timedelta
from html import escape
from smtplib import SMTPException
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from audit.ledger import write_shard
from bench.bills.trials import Trial
from billing.models import BillException
from billing.reconcile import alarms
from console.bills import mail
from console.templatetags.figures import share
from orbit.lib import access, money
from orbit.lib.store import client as store
from tenants.services import add_member
from tests.billing.conftest import MakeTrial, bills, make_trial
from tests.console.conftest import make_person, signed_in
from tests.management import client_of

__all__ = ["bills", "make_trial"]


@pytest.fixture
def trial(make_trial: MakeTrial) -> Trial:
    made = make_trial(each=1)
    made.reconcile()
    return made


def as_role(trial: Trial, role: str) -> tuple[Client, str]:
    person = make_person()
    add_member(organization_id=trial.organization.pk, person=person, role=role, actor="test")
    return signed_in(person), person.email


def path(trial: Trial, *further: object) -> str:
    return "/".join([f"/o/{trial.organization.slug}/reconciliation", *map(str, further), ""])


def one(trial: Trial, **wanted: Any) -> BillException:
    with access.scope(organization_id=trial.organization.pk):
        return BillException.objects.filter(**wanted).order_by("day", "model", "cause")[0]


def test_the_page_has_the_figures_of_the_api(trial: Trial) -> None:
    client, _ = as_role(trial, "finance")
    text = client.get(path(trial)).content.decode()
    place = f"/api/v1/organizations/{trial.organization.slug}/reconciliation/coverage"
    found = client_of(trial.organization.pk).get(place).json()
    for part, of in (("compared", "spent"), ("exact", "compared"), ("estimated", "compared")):
        assert escape(share(found[f"{part}_nano"], found[f"{of}_nano"])) in text
    for cause in found["causes"]:
        assert cause["cause"] in text
    row = one(trial, cause="missing_here")
    assert path(trial, "exceptions", row.pk) in text
    assert "Reconcile now" in text


def test_an_exception_in_full_shows_its_calls_and_what_would_be_posted(trial: Trial) -> None:
    client, _ = as_role(trial, "finance")
    row = one(trial, cause="missing_there")
    text = client.get(path(trial, "exceptions", row.pk)).content.decode()
    assert money.amount(abs(row.money_nano))[:6] in text
    assert row.adjustments[0]["corrects"] in text
    assert "Approve and post" in text


def test_finance_approves_and_the_ledger_follows(trial: Trial) -> None:
    client, email = as_role(trial, "finance")
    row = one(trial, cause="duplicate")
    page = client.get(path(trial, "exceptions", row.pk)).content.decode()
    seen = re.search(r'name="changed_at" value="([^"]+)"', page)
    assert seen is not None
    with access.scope(organization_id=trial.organization.pk):  # a run finds other figures meanwhile
        BillException.objects.filter(pk=row.pk).update(changed_at=Now())
    words = {"reason": "billed twice", "changed_at": seen[1]}
    answer = client.post(path(trial, "exceptions", row.pk, "approve"), words, follow=True)
    assert "has changed since it was shown" in answer.content.decode()
    words["changed_at"] = one(trial, pk=row.pk).changed_at.isoformat()
    answer = client.post(path(trial, "exceptions", row.pk, "approve"), words, follow=True)
    assert "Posted" in answer.content.decode()
    while write_shard(store(), trial.organization.shard):
        pass
    assert one(trial, pk=row.pk).settled_by == email
    rejected = one(trial, cause="estimate")
    client.post(path(trial, "exceptions", rejected.pk, "reject"), {"reason": "no"})
    assert one(trial, pk=rejected.pk).state == "rejected"
    outside = one(trial, cause="outside")
    client.post(path(trial, "exceptions", outside.pk, "assign"), {"owner": email})
    client.post(path(trial, "exceptions", outside.pk, "close"), {"reason": "the analysts' key"})
    assert (one(trial, pk=outside.pk).state, one(trial, pk=outside.pk).owner) == ("closed", email)


def test_who_may_only_read_settles_nothing(trial: Trial) -> None:
    client, _ = as_role(trial, "auditor")
    row = one(trial, state="proposed")
    assert "Approve and post" not in client.get(path(trial, "exceptions", row.pk)).content.decode()
    assert client.post(path(trial, "exceptions", row.pk, "approve")).status_code == 403
    developer, _ = as_role(trial, "developer")
    assert developer.get(path(trial)).status_code == 403
    assert one(trial, pk=row.pk).state == "proposed"


def test_traffic_outside_of_the_gateway_is_mailed_to_who_may_settle_it(trial: Trial) -> None:
    _, email = as_role(trial, "finance")
    as_role(trial, "auditor")
    row = one(trial, cause="outside")
    outbox.outbox.clear()
    assert mail.tell(trial.organization.pk, row.pk) == 1
    assert mail.tell(trial.organization.pk, row.pk) == 0
    (sent,) = outbox.outbox
    assert sent.to == [email]
    assert "outside of the gateway" in sent.subject
    assert path(trial, "exceptions", row.pk) in str(sent.body)


def test_an_alarm_reaches_whom_it_can_and_waits_for_the_rest(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = as_role(trial, "finance")
    _, second = as_role(trial, "finance")
    row = one(trial, cause="outside")
    really = EmailBackend.send_messages

    def picky(self: EmailBackend, messages: Any) -> Any:
        if messages[0].to == [first]:
            raise SMTPException("no such mailbox")
        return really(self, messages)

    outbox.outbox.clear()
    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", picky)
        with pytest.raises(SMTPException):
            mail.tell(trial.organization.pk, row.pk)
    with access.scope(organization_id=trial.organization.pk):
        BillException.objects.filter(pk=row.pk).update(changed_at=row.changed_at - timedelta(hours=1))
    assert (trial.organization.pk, row.pk) in mail.waiting()
    assert mail.tell(trial.organization.pk, row.pk) == 1
    assert (trial.organization.pk, row.pk) not in mail.waiting()
    assert [one.to for one in outbox.outbox] == [[second], [first]]


def test_an_alarm_that_nobody_takes_is_given_up_after_three_days(trial: Trial) -> None:
    row = one(trial, cause="outside")
    for hours, waits in ((1, True), (71, True), (73, False)):
        with access.scope(organization_id=trial.organization.pk):
            BillException.objects.filter(pk=row.pk).update(
                mail_waits=True, changed_at=timezone.now() - timedelta(hours=hours)
            )
        assert ((trial.organization.pk, row.pk) in mail.waiting()) is waits


def test_an_alarm_is_told_again_when_its_money_has_doubled(trial: Trial) -> None:
    row = one(trial, cause="outside")
    with access.scope(organization_id=trial.organization.pk):
        assert row.alarmed_nano == row.money_nano
        row.money_nano = 2 * row.money_nano
        assert not alarms.look(trial.organization, row)
        row.money_nano += 1
        assert alarms.look(trial.organization, row)
        assert not alarms.look(trial.organization, row)
