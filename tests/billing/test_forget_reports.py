"""Rows of reports go when they have had their time: those that count are kept longest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing import tasks
from billing.models import BilledRow
from billing.reconcile.connectors.base import midnight
from orbit.lib import access


def keep(feed: Any, days: int, kind: str, *, replaced: bool = False) -> int:
    day = datetime.now(UTC).date() - timedelta(days=days)
    return BilledRow.objects.create(
        organization_id=feed.id, run_id=uuid4(), account_id=uuid4(), kind=kind, day=day, starts_at=midnight(day),
        replaced_by=uuid4() if replaced else None,
    ).pk  # fmt: skip


def test_minutes_and_replaced_rows_go_after_a_month(feed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AT_ONCE", 2)  # several times over
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
