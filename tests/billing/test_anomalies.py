"""A day stands out by an organization's own past, and by nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.reports import anomalies
from billing.reports.anomalies import judged
from orbit.lib import access
from orbit.lib.errors import InputError
from tests.console.conftest import Tenant

DAY = date(2026, 11, 20)  # a Friday
BEGAN = date(2026, 1, 1)


def past(weekday: int = 100, weekend: int = 20, days: int = 28) -> dict[date, int]:
    before = [DAY - timedelta(days=at) for at in range(1, days + 1)]
    return {day: weekday if day.weekday() < 5 else weekend for day in before}


def test_a_usual_day_says_nothing() -> None:
    costs = past() | {DAY: 120}
    assert judged("a", costs, costs, DAY, BEGAN) is None


def test_a_dear_day_is_told_with_what_was_usual() -> None:
    costs = past() | {DAY: 400}
    found = judged("a", costs, costs, DAY, BEGAN)
    assert found is not None
    assert (found.usual_nano, found.cost_nano) == (100, 400)
    assert 100 < found.threshold_nano < 400


def test_one_wild_day_in_the_past_hides_nothing() -> None:
    """The median is robust: a mean would have been carried away."""
    costs = past() | {DAY - timedelta(days=9): 1_000_000, DAY: 400}
    assert judged("a", costs, costs, DAY, BEGAN) is not None


def test_what_comes_every_week_is_not_told() -> None:
    costs = past() | {DAY - timedelta(weeks=at): 500 for at in range(1, 5)} | {DAY: 500}
    assert judged("a", costs, costs, DAY, BEGAN) is None


def test_nobody_judges_without_two_weeks() -> None:
    costs = {DAY: 400, DAY - timedelta(days=1): 1}
    assert judged("a", costs, costs, DAY, DAY - timedelta(days=13)) is None
    assert judged("a", costs, costs, DAY, DAY - timedelta(days=14)) is not None


def test_small_change_of_something_new_is_not_told() -> None:
    whole = past()
    assert judged("new", {DAY: 15}, whole, DAY, BEGAN) is None
    assert judged("new", {DAY: 50}, whole, DAY, BEGAN) is not None


def test_it_is_read_by_days_of_the_organization(tenant: Tenant) -> None:
    now = datetime(2026, 11, 20, 23, tzinfo=UTC)
    for at in range(40):
        cost = 9_000_000 if at == 1 else 1_000_000
        tenant.bucket(now - timedelta(days=at), model="fast", requests=1, cost_nano=cost)
    with access.scope(organization_id=tenant.organization.pk):
        found = anomalies.anomalies(tenant.organization, "model", 14, now)
    assert [(one.day, one.name, one.cost_nano) for one in found] == [(date(2026, 11, 19), "fast", 9_000_000)]
    assert "usually $0.001" in anomalies.words(found[0], "USD")


def test_of_more_than_can_be_read_nobody_says_that_nothing_stands_out(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 20, 23, tzinfo=UTC)
    for at in range(40):
        tenant.bucket(now - timedelta(days=at), model="fast", requests=1, cost_nano=9 if at == 1 else 1)
    with access.scope(organization_id=tenant.organization.pk):
        monkeypatch.setattr(anomalies, "MOST_GROUPS", 40)
        assert len(anomalies.anomalies(tenant.organization, "model", 14, now)) == 1
        monkeypatch.setattr(anomalies, "MOST_GROUPS", 39)
        with pytest.raises(InputError, match="by project"):
            anomalies.anomalies(tenant.organization, "model", 14, now)
