"""The dashboard: its figures are the API's and the ledger's, its links lead to the calls behind them."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import ChainHead
from console.figures import charts, reading, spans, view
from orbit.lib import access
from orbit.lib.errors import InputError
from orbit.lib.ids import uuid7
from orbit.lib.money import amount
from quotas import histogram
from quotas.models import UsageFacet
from quotas.sums import SUMS
from tenants.models import ApiKey, Person
from tests.console.conftest import Tenant, make_tenant, quarter, signed_in
from tests.console.test_access_matrix import joined
from tests.management import client_of

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def key_of(tenant: Tenant, name: str, person: Person | None = None) -> UUID:
    with access.scope(organization_id=tenant.organization.pk):
        key = ApiKey.objects.create(
            organization=tenant.organization,
            project=tenant.project,
            name=name,
            digest=uuid7().bytes * 2,
            hint="orb_…",
            created_by="test",
            person=person,
        )
    return key.pk


def page(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


# Spans


@pytest.mark.parametrize(
    ("asked", "now", "first", "until", "before"),
    [
        ({"range": "today"}, NOON, "2026-11-17T23:00", "2026-11-18T12:15", ("2026-11-16T23:00", "2026-11-17T12:15")),
        ({"range": "7d"}, NOON, "2026-11-11T23:00", "2026-11-18T12:15", ("2026-11-04T23:00", "2026-11-11T12:15")),
        ({"range": "month"}, NOON, "2026-10-31T23:00", "2026-11-18T12:15", ("2026-09-30T22:00", "2026-10-18T11:15")),
        (
            {"range": "month"},
            datetime(2026, 3, 31, 10, tzinfo=UTC),
            "2026-02-28T23:00",
            "2026-03-31T10:15",
            ("2026-01-31T23:00", "2026-02-28T23:00"),  # February ended before the 31st
        ),
        ({"range": "last-month"}, NOON, "2026-09-30T22:00", "2026-10-31T23:00", ("2026-08-31T22:00", "2026-09-30T22:00")),
        (
            {"range": "custom", "from": "2026-10-25", "to": "2026-10-25"},  # 25 hours
            NOON,
            "2026-10-24T22:00",
            "2026-10-25T23:00",
            ("2026-10-23T22:00", "2026-10-24T22:00"),
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_span_is_calendar_days_of_the_organization(
    asked: dict[str, str], now: datetime, first: str, until: str, before: tuple[str, str]
) -> None:
    span = spans.chosen(asked, "Europe/Berlin", now)
    told = [
        one.strftime("%Y-%m-%dT%H:%M")
        for one in (span.since, span.until, span.before_since, span.before_until)
    ]
    assert told == [first, until, *before]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"range": "forever"}, "range"),
        ({"range": "custom", "from": "yesterday", "to": "2026-11-01"}, "from"),
        ({"range": "custom", "from": "2026-11-01"}, "to"),
        ({"range": "custom", "from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"range": "custom", "from": "2026-12-24", "to": "2026-12-25"}, "from"),
        ({"range": "custom", "from": "2025-01-01", "to": "2026-11-01"}, "from"),
        ({"range": "custom", "from": "0001-01-01", "to": "0001-01-02"}, "from"),
    ],
    ids=str,
)
def test_bad_span_names_its_field(asked: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as raised:
        spans.chosen(asked, "Europe/Berlin", NOON)
    assert raised.value.path == field


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"range": "forever"}, "range"),
        ({"by": "colour"}, "by"),
        ({"ranked": "colour"}, "ranked"),
        ({"project": "no-such"}, "project"),
        ({"model": "fast", "by": "tag"}, "by"),
    ],
    ids=str,
)
def test_bad_question_is_answered_with_what_was_wrong_and_the_usual_page(
    tenant: Tenant, query: dict[str, str], word: str
) -> None:
    answer = tenant.client().get(tenant.path, query)
    assert answer.status_code == 400
    assert f"<strong>{word}</strong>" in answer.content.decode()
    assert (
        tenant.client().get(f"{tenant.path}csv/", {**query, "of": "spend"}).content.decode().startswith(word)
    )


# Figures


def used(tenant: Tenant) -> tuple[UUID, UUID]:
    """Two keys over two days at the change of the clock, and a third day long before."""
    one, two = key_of(tenant, "production"), key_of(tenant, "=cmd")
    for hour, key in ((21, one), (22, one), (23, two), (24, two), (47, one), (48, two)):
        tenant.bucket(
            datetime(2026, 10, 24, tzinfo=UTC) + timedelta(hours=hour),
            key,
            requests=hour,
            failed=1,
            refused=2,
            input_tokens=10 * hour,
            output_tokens=hour,
            cost_nano=1_000_003 * hour,
            estimated_requests=1,
            unpriced_requests=1,
            durations=hour * histogram.unit(900),
            first_tokens=hour * histogram.unit(150),
        )
    return one, two


@pytest.fixture
def berlin() -> Tenant:
    return make_tenant(time_zone="Europe/Berlin")


CUSTOM = {"range": "custom", "from": "2026-10-25", "to": "2026-10-25"}


def test_page_csv_and_api_show_the_same_figures(berlin: Tenant) -> None:
    used(berlin)
    client = berlin.client()
    shown = page(client, berlin.path, **CUSTOM, by="key")
    since, until = "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"
    query = {"since": since, "until": until, "by": "key"}
    api = client_of(berlin.organization.pk, ["usage.read"])
    told = api.get(f"/api/v1/organizations/{berlin.organization.slug}/usage", query).json()
    assert told["totals"]["requests"] == 22 + 23 + 24
    rows = list(
        csv.DictReader(
            io.StringIO(client.get(f"{berlin.path}csv/", {**CUSTOM, "of": "key"}).content.decode())
        )
    )
    for row in told["rows"]:
        line = next(one for one in rows if one["key"] == row["key"])
        for name in ("requests", "failed", "refused", "input_tokens", "output_tokens", "duration_p95_ms"):
            assert line[name] == str(row[name]), name
        assert line["cost (USD)"] == row["cost"]
        assert f'title="${row["cost"]}"' in shown
    assert f'title="${told["totals"]["cost"]}"' in shown


@pytest.mark.parametrize("by", ["project", "key", "model", "account"])
@pytest.mark.parametrize("ranked", list(reading.RANKED))
def test_top_rows_and_the_rest_add_up_to_the_whole(berlin: Tenant, by: str, ranked: str) -> None:
    used(berlin)
    with access.scope(organization_id=berlin.organization.pk):
        span = spans.chosen(CUSTOM, "Europe/Berlin", NOON)
        asked = reading.asking({"by": by, "ranked": ranked}, span)
        course = reading.course(asked)
        found = reading.groups(asked, course.whole, 1)
    assert [group.rest for group in found] == ([False, True] if by == "key" else [False])
    for name in SUMS:
        assert sum(group.sums[name] for group in found) == course.whole[name]
        assert sum(moment.sums[name] for moment in course.moments) == course.whole[name]
    assert len(course.moments) == 25
    assert course.before["requests"] == 21  # the day before


def test_hours_and_days_are_drawn_once_each_with_what_they_are_compared_with(berlin: Tenant) -> None:
    used(berlin)
    with access.scope(organization_id=berlin.organization.pk):
        span = spans.chosen(
            {"range": "custom", "from": "2026-10-24", "to": "2026-10-27"}, "Europe/Berlin", NOON
        )
        course = reading.course(reading.asking({}, span))
    assert [moment.sums["requests"] for moment in course.moments] == [21, 69, 95, 0]
    drawn = charts.drawn("calls", course.moments, span.step, "USD")
    figures = [["20", "1", "2"], ["66", "3", "6"], ["93", "2", "4"], ["0", "0", "0"]]
    assert [point.figures for point in drawn.points] == figures
    assert [len(point.marks) for point in drawn.points] == [3, 3, 3, 0]
    assert max(mark.height for point in drawn.points for mark in point.marks) <= charts.HEIGHT


def test_bars_lead_to_the_calls_behind_them(berlin: Tenant) -> None:
    one, _ = used(berlin)
    shown = page(berlin.client(), berlin.path, **CUSTOM, by="key")
    links = [urlsplit(link) for link in re.findall(r'href="([^"]*/calls/\?[^"]*)"', shown)]
    assert {link.path for link in links} == {f"{berlin.path}calls/"}
    asked = [{name: value[0] for name, value in parse_qs(link.query).items()} for link in links]
    assert {"since": "2026-10-24T22:00:00.000000Z", "until": "2026-10-24T23:00:00.000000Z"} in asked
    whole = {"since": "2026-10-24T22:00:00.000000Z", "until": "2026-10-25T23:00:00.000000Z"}
    assert {**whole, "key": str(one)} in asked
    narrowed = page(berlin.client(), berlin.path, **CUSTOM, key=str(one), by="model")
    assert "fast" in narrowed
    assert f"key={one}&model=fast" in narrowed


def test_who_may_not_see_calls_gets_no_links_to_them(berlin: Tenant) -> None:
    used(berlin)
    client = signed_in(joined(berlin, "without:calls.read"))
    shown = page(client, berlin.path, **CUSTOM)
    assert "/calls/?" not in shown
    assert "Latest calls" not in shown


def facet(tenant: Tenant, starts_at: datetime, name: str, value: str, **figures: int) -> None:
    with access.ledger():
        UsageFacet.objects.create(
            organization_id=tenant.organization.pk,
            starts_at=starts_at,
            project_id=tenant.project.pk,
            facet=name,
            value=value,
            currency="USD",
            **figures,
        )


def test_end_users_tags_codes_and_limits_are_listed(berlin: Tenant) -> None:
    used(berlin)
    at = datetime(2026, 10, 25, 3, tzinfo=UTC)
    facet(berlin, at, "end_user", "ada", requests=5, cost_nano=1_000)
    facet(berlin, at, "tag", "team=a", requests=4)
    facet(berlin, at, "code", "upstream_error", requests=3, failed=3)
    facet(berlin, at, "limit", "budget", refused=2)
    shown = page(berlin.client(), berlin.path, **CUSTOM, by="end_user")
    assert "ada" in shown
    assert "Others, and calls that name none" in shown
    assert "code=upstream_error" in shown
    assert "budget" in shown
    assert "team=a" in page(berlin.client(), berlin.path, **CUSTOM, by="tag")
    narrowed = page(berlin.client(), berlin.path, **CUSTOM, project="chatbot", by="end_user")
    assert "ada" in narrowed


def test_limits_narrow_with_the_figures(berlin: Tenant) -> None:
    used(berlin)
    words = "Those that calls like these count against"
    assert words not in page(berlin.client(), berlin.path, **CUSTOM)
    shown = page(berlin.client(), berlin.path, **CUSTOM, project="chatbot")
    assert words in shown
    assert "budget" in shown


def test_formulas_in_names_stay_text_in_a_csv(berlin: Tenant) -> None:
    used(berlin)
    at = datetime(2026, 10, 25, 3, tzinfo=UTC)
    for value in ("=1+1", "+1", "-2+3", "@x", "\tx"):
        facet(berlin, at, "end_user", value, requests=1)
    answer = berlin.client().get(f"{berlin.path}csv/", {**CUSTOM, "of": "end_user"})
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    names = [row[0] for row in csv.reader(io.StringIO(answer.content.decode()))][1:]
    assert sorted(names)[:5] == sorted(["'=1+1", "'+1", "'-2+3", "'@x", "'\tx"])
    assert all(not name.startswith(("=", "+", "-", "@", "\t")) for name in names)


@pytest.mark.parametrize("of", [*charts.KINDS, "model", "account", "project", "tag", "code", "limit"])
def test_each_chart_and_table_has_a_csv(berlin: Tenant, of: str) -> None:
    used(berlin)
    answer = berlin.client().get(f"{berlin.path}csv/", {**CUSTOM, "of": of})
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert answer.status_code == 200
    if of in charts.KINDS:
        assert len(rows) == 26
        assert rows[1][0] == "2026-10-25T00:00+02:00"
    if of == "spend":
        assert sum(round(float(row[1]) * 10**9) for row in rows[1:]) == 69 * 1_000_003


# One's own


def test_my_usage_is_of_ones_own_keys_alone(berlin: Tenant) -> None:
    one, _ = used(berlin)
    person = joined(berlin, "without:usage.read")
    mine = key_of(berlin, "mine", person)
    berlin.bucket(datetime(2026, 10, 25, 8, tzinfo=UTC), mine, requests=5, cost_nano=77)
    client = signed_in(person)
    assert client.get(berlin.path).status_code == 403
    shown = page(client, f"{berlin.path}mine/", **CUSTOM, by="key")
    assert 'title="$0.000000077"' in shown
    assert "chatbot/mine" in shown
    assert "chatbot/production" not in shown
    foreign = page(client, f"{berlin.path}mine/", **CUSTOM, key=str(one))
    assert "None of your own keys" in foreign
    rows = client.get(f"{berlin.path}mine/csv/", {**CUSTOM, "of": "key"}).content.decode()
    assert "production" not in rows
    assert client.get("/").headers["Location"] == f"{berlin.path}mine/"


def test_links_of_my_usage_lead_to_calls_of_ones_own_keys(berlin: Tenant) -> None:
    person, at = joined(berlin, "developer"), datetime(2026, 10, 25, 8, tzinfo=UTC)
    mine = key_of(berlin, "mine", person)
    berlin.bucket(at, mine, requests=5)
    client = signed_in(person)

    def links() -> list[dict[str, list[str]]]:
        shown = page(client, f"{berlin.path}mine/", **CUSTOM, by="key")
        found = re.findall(r'href="([^"]*/calls/\?[^"]*)"', shown)
        return [parse_qs(urlsplit(link).query) for link in found]

    assert len(links()) > 25
    assert {link["key"][0] for link in links()} == {str(mine)}
    other = key_of(berlin, "second", person)
    berlin.bucket(at, other, requests=1)
    assert {link["key"][0] for link in links()} == {str(mine), str(other)}  # of the rows; hours have no link
    assert len(links()) < 25


def test_csv_of_what_is_not_summed_together_says_what_there_is(berlin: Tenant) -> None:
    answer = berlin.client().get(f"{berlin.path}mine/csv/", {"of": "tag"})
    assert answer.status_code == 400
    assert answer.content.decode().startswith("of: 'tag' is not known; choose one of spend")


def test_who_has_no_key_of_their_own_is_told_how_one_becomes_theirs(berlin: Tenant) -> None:
    used(berlin)
    assert "A key is yours when" in page(berlin.client(), f"{berlin.path}mine/", **CUSTOM)


# Alive


def test_refresh_is_answered_only_when_something_changed(
    berlin: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, now = berlin.client(), timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)

    def refreshed(seen: str) -> Any:
        return client.get(berlin.path, {"seen": seen}, headers={"HX-Request": "true"})

    seen = re.findall(r'name="seen" value="(\w+)"', page(client, berlin.path))[0]
    assert refreshed(seen).status_code == 204
    with access.ledger():
        ChainHead.objects.create(organization_id=berlin.organization.pk, seq=1, hash="0")
    changed = refreshed(seen)
    assert changed.status_code == 200
    assert "<html" not in changed.content.decode()
    assert seen not in changed.content.decode()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=15))  # another day may have begun
    again = re.findall(r'name="seen" value="(\w+)"', changed.content.decode())[0]
    assert refreshed(again).status_code == 200


def test_queries_are_as_many_for_much_as_for_little(berlin: Tenant) -> None:
    client = berlin.client()
    berlin.never_lost()
    client.get(berlin.path)

    def queries(path: str, **query: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert client.get(path, query).status_code == 200
        return len(captured)

    asked: list[tuple[str, dict[str, str]]] = [
        (berlin.path, {"by": by, "range": name})
        for by in ("key", "end_user")
        for name in ("today", "30d", "last-month")
    ]
    asked += [(f"{berlin.path}mine/", {}), (f"{berlin.path}csv/", {"of": "key"})]
    for at in range(0, 63, 3):  # in every span
        berlin.bucket(quarter(datetime.now(UTC) - timedelta(days=at)), key_of(berlin, f"f{at}"), requests=1)
    few = [queries(path, **query) for path, query in asked]
    for at in range(40):
        berlin.bucket(datetime.now(UTC) - timedelta(days=at), key_of(berlin, f"k{at}"), requests=1)
    assert [queries(path, **query) for path, query in asked] == few
    print(few)
    assert max(few) <= 35


# Small things


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [(0, 0, ""), (5, 0, "none before"), (110, 100, "+10%"), (50, 100, "−50%"), (100, 100, "as before"), (5000, 10, "500 times")],
)  # fmt: skip
def test_change_in_few_characters(now: int, before: int, change: str) -> None:
    row = {**dict.fromkeys(SUMS, 0), "requests": now}
    tiles = view.tiles(row, {**row, "requests": before}, "USD")
    assert next(tile.change for tile in tiles if tile.name == "Calls") == change


def test_unpriced_calls_are_told_beside_the_spend() -> None:
    row = {**dict.fromkeys(SUMS, 0), "requests": 9, "unpriced_requests": 2, "cost_nano": 1_234}
    spend = view.tiles(row, row, "USD")[0]
    assert (spend.value, spend.exact) == ("$0.00000123", f"${amount(1_234)}")
    assert spend.note == "2 unpriced calls not in it"


def test_tiles_say_nothing_of_parts_of_nothing() -> None:
    nothing = dict.fromkeys(SUMS, 0)
    notes = {tile.name: tile.note for tile in view.tiles(nothing, nothing, "USD")}
    assert (notes["Calls"], notes["Errors"]) == ("", "")
    some = {**nothing, "requests": 4, "estimated_requests": 1, "failed": 1}
    notes = {tile.name: tile.note for tile in view.tiles(some, some, "USD")}
    assert (notes["Calls"], notes["Errors"]) == ("25% with estimated usage", "25% of calls")


@pytest.mark.parametrize(
    ("most", "beside"), [(80_000_000, ["$0.08", "$0.04"]), (200_000_000, ["$0.20", "$0.10"])]
)
def test_amounts_beside_a_chart_have_no_zeros_that_say_nothing(most: int, beside: list[str]) -> None:
    nothing = dict.fromkeys(SUMS, 0)
    start = datetime.combine(date(2026, 11, 1), datetime.min.time(), UTC)
    moments = [reading.Moment(start, start + timedelta(days=1), {**nothing, "cost_nano": most}, None)]
    assert [text for _, text in charts.drawn("spend", moments, "day", "USD").grid] == beside


@pytest.mark.parametrize("name", list(charts.KINDS))
def test_a_chart_of_nothing_and_of_one_thing_can_be_drawn(name: str) -> None:
    nothing = dict.fromkeys(SUMS, 0)
    one = {
        **nothing,
        "requests": 1,
        "cost_nano": 1,
        "input_tokens": 1,
        "durations": histogram.unit(1),
        "first_tokens": histogram.unit(9),
    }
    start = datetime.combine(date(2026, 11, 1), datetime.min.time(), UTC)
    moments = [reading.Moment(start, start + timedelta(days=1), row, None) for row in (nothing, one)]
    assert charts.drawn(name, moments[:1], "day", "USD").is_empty
    drawn = charts.drawn(name, moments, "day", "USD")
    assert not drawn.is_empty
    assert drawn.points[0].marks == []
    assert len(drawn.points[1].marks) >= 1
