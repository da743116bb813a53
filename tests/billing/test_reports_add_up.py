"""The sum of a report is the ledger's and the rollups', whatever it is broken down by, in every time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest

from billing.reports import dimensions
from billing.reports.asked import question
from billing.reports.figures import COUNTED, Figures
from billing.reports.reading import Report, report
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas import sums
from tenants.models import Organization, Project
from tests.audit.conftest import Feed, feed
from tests.billing.histories import FIGURES, Groups, counted, fill, ledger

__all__ = ["feed"]

SPAN = {"from": "2026-02-20", "to": "2026-11-25"}
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Europe/Berlin")


def made(feed: Feed, **words: str) -> Report:
    with access.scope(organization_id=feed.id):
        return report(Organization.objects.get(), question({**SPAN, **words}), NOW)


def moved(feed: Feed, zone: str, week: str = "monday", month: int = 1) -> Groups:
    """The organization somewhere else."""
    with access.scope(organization_id=feed.id):
        Organization.objects.update(time_zone=zone, week_starts=week, month_starts_on=month)
        names = dict(Project.objects.values_list("pk", "slug"))
        centres = dict(Project.objects.values_list("pk", "cost_centre"))
    return Groups(ZoneInfo(zone), names, centres, {"monday": 0, "sunday": 6}[week], month)


def same(figures: Figures, told: dict[str, int]) -> None:
    assert {name: getattr(figures, name) for name in COUNTED} == told


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.full)])
def test_every_two_dimensions_add_up_to_the_ledger_in_every_zone(feed: Feed, seed: int) -> None:
    fill(feed, seed)
    rows = ledger(feed)
    assert {row["kind"] for row in rows} == {"call", "correction", "adjustment", "refusal"}
    whole, checked = counted(rows), 0
    for at, zone in enumerate(ZONES):
        groups = moved(feed, zone, ("monday", "sunday")[at % 2], 1 + at * 6)
        pairs = list(combinations(dimensions.TITLES, 2))
        for by in [*pairs[at :: len(ZONES)], *((name,) for name in dimensions.TITLES)]:
            found = made(feed, by=",".join(by))
            same(found.whole, whole)
            lines = {line.values: line.figures for line in found.lines if not line.is_rest}
            exact = groups.sums(rows, by)
            blank = {group for group in exact if group not in lines}
            assert all(None in group for group in blank), (by, zone, blank)
            for group, figures in lines.items():
                same(figures, exact[group])
            if "tag" not in by:
                same(Figures.added(line.figures for line in found.lines), whole)
            checked += len(lines)
    assert checked > 500
    print(f"{checked} rows of reports are those of {len(rows)} entries of the ledger")


def test_the_rollups_say_the_same(feed: Feed) -> None:
    fill(feed, 4, 60)
    found = made(feed, by="none")
    with access.scope(organization_id=feed.id):
        (row,) = sums.read(sums.Asked(found.span.since, found.span.until))
    same(found.whole, {name: row[name] for name in FIGURES})


def test_the_greatest_and_the_rest_are_the_whole(feed: Feed) -> None:
    fill(feed, 5, 60)
    for by in ("key", "key,model", "end_user", "cost_centre", "day,project", "end_user,model"):
        found = made(feed, by=by, most="2")
        assert len(found.lines) == (2 if by == "cost_centre" else 3)
        assert by == "cost_centre" or found.lines[-1].is_rest
        assert Figures.added(line.figures for line in found.lines) == found.whole
    greatest = made(feed, by="key")
    costs = [line.figures.cost_nano for line in greatest.lines]
    assert costs == sorted(costs, reverse=True)


def test_more_calls_than_can_be_read_are_refused_by_name(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rollups hold decides where it is little enough; else the calls that are asked for are counted."""
    fill(feed, 7, 60)
    of_one = [row for row in ledger(feed) if row["kind"] != "act" and row["model"] == "b"]
    monkeypatch.setattr("billing.reports.ledger.MOST_EVENTS", len(of_one))
    assert made(feed, by="end_user,model", model="b").lines
    with pytest.raises(InputError, match="ask for fewer days"):
        made(feed, by="end_user,model")


def test_a_span_ends_where_its_days_end(feed: Feed) -> None:
    """Half an hour beside the hours of UTC, and on the day that is half an hour shorter."""
    fill(feed, 6, 60)
    for zone in ("Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"):
        groups = moved(feed, zone)
        rows = ledger(feed)
        for day in ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-11-01"):
            found = made(feed, by="day", **{"from": day, "to": day})
            same(found.whole, counted(row for row in rows if groups.of("day", row) == [day]))
            assert found.span.time_zone == zone
