"""Rows of reports go when they have had their time: those that count are kept longest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing import forgetting, tasks
from billing.alerts.models import Notice, NoticeDelivery
from billing.models import BilledRow
from billing.reconcile.connectors.base import midnight
from billing.reports.models import ReportMail, ReportView
from orbit.lib import access


def keep(feed: Any, days: int, kind: str, *, replaced: bool = False) -> int:
    day = datetime.now(UTC).date() - timedelta(days=days)
    return BilledRow.objects.create(
        organization_id=feed.id, run_id=uuid4(), account_id=uuid4(), kind=kind, day=day, starts_at=midnight(day),
        replaced_by=uuid4() if replaced else None,
    ).pk  # fmt: skip


def test_minutes_and_replaced_rows_go_after_a_month(feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)  # several times over
    with access.scope(organization_id=feed.id):
        stay = {
            keep(feed, 20, "minute"),
            keep(feed, 20, "usage", replaced=True),
            keep(feed, 40, "usage"),
            keep(feed, 40, "cost"),
        }
        for _ in range(3):
            keep(feed, 40, "minute")
            keep(feed, 40, "usage", replaced=True)
            keep(feed, 5_000, "usage")
    assert tasks.forget_reports() >= 9
    with access.scope(organization_id=feed.id):
        assert set(BilledRow.objects.values_list("pk", flat=True)) == stay


def test_what_was_told_goes_after_400_days_and_what_never_arrived_after_a_month(feed: Any) -> None:
    now = datetime.now(UTC)

    def ages(*days: int) -> list[datetime]:
        return [now - timedelta(days=one) for one in days]

    with access.scope(organization_id=feed.id):
        view = ReportView.objects.create(organization_id=feed.id, name="x", author="test")
        for at in ages(5, 40, 399, 401):
            mailed = ReportMail(organization_id=feed.id, view=view, period=at, claimed_at=at)
            mailed.sent_at = None if at == ages(40)[0] else at
            mailed.save()
        for at in ages(5, 40, 401):
            notice = Notice.objects.create(
                organization_id=feed.id, alert_id=uuid4(), alert_name="x", counter="x", starts_at=at,
                threshold="50", created_at=at,
            )  # fmt: skip
            for sent_at in (None, at):
                NoticeDelivery.objects.create(
                    organization_id=feed.id, notice=notice, way="mail", to=str(sent_at), sent_at=sent_at
                )
    tasks.forget_reports()
    with access.scope(organization_id=feed.id):
        left = ReportMail.objects.order_by("-period").values_list("period", flat=True)
        assert [(now - one).days for one in left] == [5, 399]
        notices = Notice.objects.order_by("-created_at").values_list("created_at", flat=True)
        assert [(now - one).days for one in notices] == [5, 40]
        ways = NoticeDelivery.objects.order_by("-notice__created_at", "sent_at")
        assert [((now - one.notice.created_at).days, one.sent_at is None) for one in ways] == [
            (5, False),
            (5, True),
            (40, False),
        ]
