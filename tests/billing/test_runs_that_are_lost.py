"""A run that was taken for dead, and two workers at one account: what either writes counts once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError
from django.utils import timezone

from billing.models import BilledRow, Comparison, Run
from billing.reconcile import claims, performing, reports, runs
from billing.reconcile.connectors.base import DAY, UsageRow, midnight
from billing.reconcile.counts import Counts
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ProviderAccount
from tests.audit.conftest import Feed

SINCE = datetime.now(UTC).date() - timedelta(days=4)


@pytest.fixture
def account(feed: Feed) -> ProviderAccount:
    services.save_account(
        organization_id=feed.id, name="main", kind="openai", actor="test",
        usage_credential=services.NewCredential(value="sk-admin-pretend-00000000"),
    )  # fmt: skip
    with access.scope(organization_id=feed.id):
        return ProviderAccount.objects.get(name="main")


def ask(feed: Feed) -> Run:
    where: dict[str, Any] = {"organization_id": feed.id, "actor": "test", "account": "main", "here": True}
    return runs.request_run(**where, since=SINCE, until=SINCE + DAY)


def claim(feed: Feed, run: Run) -> Run | None:
    return runs._claim(feed.id, run.pk)


def fall_silent(feed: Feed, run: Run) -> None:
    with access.scope(organization_id=feed.id):
        Run.objects.filter(pk=run.pk).update(told_at=timezone.now() - runs.SILENT - timedelta(minutes=1))


def rows_of(day: date, count: int) -> list[UsageRow]:
    return [UsageRow(midnight(day), DAY, f"m{number}", Counts(fresh=1), 1, "k") for number in range(count)]


def billed(feed: Feed) -> int:
    with access.scope(organization_id=feed.id):
        return BilledRow.objects.filter(replaced_by=None).count()


@pytest.mark.usefixtures("account")
def test_who_was_taken_for_dead_writes_no_rows(feed: Feed) -> None:
    first = ask(feed)
    slow = claim(feed, first)
    assert slow is not None
    fall_silent(feed, first)
    second = claim(feed, ask(feed))  # the first gives way
    assert second is not None
    reports.replace_usage(second, rows_of(SINCE, 3), SINCE, SINCE + DAY)
    with pytest.raises(claims.Lost):
        reports.replace_usage(slow, rows_of(SINCE, 3), SINCE, SINCE + DAY)
    with pytest.raises(claims.Lost):
        performing.Progress(slow).at(50, "comparing")
    assert billed(feed) == 3


@pytest.mark.usefixtures("account")
def test_of_two_workers_at_one_run_the_later_one_writes(feed: Feed) -> None:
    run = ask(feed)
    slow = claim(feed, run)
    assert slow is not None
    assert claim(feed, run) is None  # somebody is at it
    fall_silent(feed, run)
    other = claim(feed, run)
    assert other is not None
    reports.replace_usage(other, rows_of(SINCE, 2), SINCE, SINCE + DAY)
    with pytest.raises(claims.Lost):
        reports.replace_usage(slow, rows_of(SINCE, 2), SINCE, SINCE + DAY)
    assert billed(feed) == 2


@pytest.mark.usefixtures("account")
def test_a_run_that_was_given_up_is_not_done_after_all(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ask(feed)

    def given_up(*_: object) -> list[Any]:
        fall_silent(feed, run)
        ask(feed)
        return []

    monkeypatch.setattr(performing, "_puller", lambda *_: None)
    monkeypatch.setattr(performing, "outcomes_of", given_up)
    assert runs.perform(organization_id=feed.id, run_id=run.pk) is None
    with access.scope(organization_id=feed.id):
        assert Run.objects.get(pk=run.pk).state == "failed"
        assert not Comparison.objects.exists()


@pytest.mark.usefixtures("account")
def test_what_kills_its_worker_is_tried_three_times(feed: Feed) -> None:
    run = ask(feed)
    for _ in range(runs.MOST_TRIES):
        assert claim(feed, run) is not None
        fall_silent(feed, run)
    assert runs.perform(organization_id=feed.id, run_id=run.pk) is None
    with access.scope(organization_id=feed.id):
        row = Run.objects.get(pk=run.pk)
    assert (row.state, row.tries) == ("failed", runs.MOST_TRIES)
    assert "given up" in row.problem
    ask(feed)  # another one may be asked for


@pytest.mark.usefixtures("account")
def test_a_long_step_says_now_and_then_that_it_goes_on(feed: Feed) -> None:
    run = claim(feed, ask(feed))
    assert run is not None
    progress = performing.Progress(run)
    fall_silent(feed, run)
    run.told_at = timezone.now() - performing.OFTEN * 2
    progress.page()
    with access.scope(organization_id=feed.id):
        assert Run.objects.get(pk=run.pk).told_at > timezone.now() - timedelta(minutes=5)


def test_what_is_wrong_with_one_organization_ends_nobody_elses_night(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, asked = [uuid4() for _ in range(3)], list[UUID]()

    def request(*, organization_id: UUID, **_: Any) -> None:
        asked.append(organization_id)
        if organization_id == ids[0]:
            raise DatabaseError("anything")
        if organization_id == ids[1]:
            raise InputError("account", "is being reconciled already")

    monkeypatch.setattr(runs, "_accounts", lambda: [(one, "main") for one in ids])
    monkeypatch.setattr(runs, "request_run", request)
    assert runs.request_nightly() == 1
    assert asked == ids
