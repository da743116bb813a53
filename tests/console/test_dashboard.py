from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from django.db import connections
from django.test.utils import CaptureQueriesContext

from console import dashboard, limits
from orbit.lib import access
from orbit.lib.clock import to_us
from quotas.limits import Raised
from quotas.status import LimitStatus
from tests.console.conftest import Tenant, make_tenant, quarter


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("UTC", datetime(2026, 11, 23, 12, tzinfo=UTC), 24),
        ("Asia/Kathmandu", datetime(2026, 11, 23, 12, tzinfo=UTC), 24),
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
    ],
)
def test_a_day_is_the_organizations_own_day(zone: str, now: datetime, hours: int) -> None:
    tenant = make_tenant(time_zone=zone)
    midnight = datetime.combine(now.astimezone(ZoneInfo(zone)).date(), datetime.min.time(), ZoneInfo(zone))
    start, end = midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
    tenant.bucket(start - timedelta(minutes=15), requests=1000)
    tenant.bucket(start, requests=1)
    tenant.bucket(end - timedelta(minutes=15), requests=2)
    tenant.bucket(end, requests=1000)
    with access.scope(organization_id=tenant.organization.pk):
        day = dashboard.day(tenant.organization, now)
    assert (day.starts_at, day.ends_at) == (start, end)
    assert day.total.requests == 3
    assert len(day.hours) == hours
    assert (day.hours[0].sums.requests, day.hours[-1].sums.requests) == (1, 2)


def test_figures_are_those_of_sql_over_the_rollups(tenant: Tenant, other: Tenant) -> None:
    now = datetime.now(UTC)
    for n in range(1, 6):
        tenant.bucket(
            quarter(now),
            requests=7 * n,
            refused=n,
            failed=2,
            input_tokens=1000 * n,
            output_tokens=20 * n,
            cost_nano=123_457 * n,
            estimated_requests=1,
        )
    other.bucket(quarter(now), requests=5, cost_nano=10**9)
    with access.operator(), connections["operator"].cursor() as cursor:
        cursor.execute(
            "SELECT sum(requests), sum(refused), sum(failed), sum(input_tokens), sum(output_tokens), sum(cost_nano),"
            " sum(estimated_requests) FROM quotas_usagebucket WHERE organization_id = %s",
            [tenant.organization.pk],
        )
        expected = tuple(map(int, cursor.fetchone()))
    with access.scope(organization_id=tenant.organization.pk):
        total = dashboard.day(tenant.organization, now).total
    assert expected == (
        total.requests,
        total.refused,
        total.failed,
        total.input_tokens,
        total.output_tokens,
        total.cost_nano,
        total.estimated_requests,
    )
    page = tenant.client().get(f"{tenant.path}?range=today").content.decode()
    for shown in ("105", "15.3K", "15K in, 300 out", "$0.00185", "4.8%", "9.5% of calls"):
        assert shown in page, shown


def test_latest_calls_are_the_ledgers_newest_first(tenant: Tenant, other: Tenant) -> None:
    now = datetime.now(UTC)
    other.call(now)
    for n in range(25):
        tenant.call(now - timedelta(minutes=n))
    with access.scope(organization_id=tenant.organization.pk):
        shown = dashboard.latest_calls(tenant.organization.pk)
    assert [call.event_id for call in shown] == [event.event_id for event in tenant.events[:20]]


def test_unknown_is_called_unknown(tenant: Tenant) -> None:
    now = datetime.now(UTC)
    gone = {"status": "provider_failed", "input_tokens": None, "output_tokens": None, "cost_nano": None}
    call = tenant.call(now, **gone, duration_ms=None, detail={})
    page = tenant.client().get(tenant.path).content.decode()
    assert page.count("unknown") == 3  # tokens, cost, duration
    page = tenant.client().get(f"{tenant.path}calls/{call.event_id}/").content.decode()
    assert "$0.00" not in page
    assert "None" not in page


def test_one_call_shows_what_corrected_it(tenant: Tenant) -> None:
    now = datetime.now(UTC)
    call = tenant.call(now)
    tenant.call(
        now, kind="correction", corrects=call.event_id, cost_nano=-456, detail={"reason": "late usage"}
    )
    page = tenant.client().get(f"{tenant.path}calls/{call.event_id}/").content.decode()
    assert "$0.000123456" in page
    assert "late usage" in page
    assert "−$0.000000456" in page


def test_text_of_strangers_stays_text(tenant: Tenant) -> None:
    nasty = '<script>alert("x")</script>'
    call = tenant.call(
        datetime.now(UTC),
        model=nasty,
        end_user=nasty,
        key=nasty,
        detail={
            "user_agent": nasty,
            "tags": {nasty: nasty},
            "attempts": [{"error": nasty, "account": nasty}],
        },
    )
    for path in (tenant.path, f"{tenant.path}calls/{call.event_id}/"):
        page = tenant.client().get(path).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_empty_organization_is_shown_its_first_call(tenant: Tenant, settings: Any) -> None:
    settings.ORBIT_PUBLIC_URL = "https://gateway.example"
    page = tenant.client().get(tenant.path).content.decode()
    assert "curl https://gateway.example/v1/chat/completions" in page


def test_refresh_answers_the_fragment_alone(tenant: Tenant) -> None:
    page = tenant.client().get(tenant.path, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "Latest calls" in page


@pytest.mark.parametrize("error", [redis.ConnectionError, redis.TimeoutError, ConnectionRefusedError])
def test_page_stands_while_the_store_is_away(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def away(organization_id: object) -> None:
        raise error("canary-of-the-store")

    tenant.call(datetime.now(UTC))
    monkeypatch.setattr(limits, "organization_limits", away)
    answer = tenant.client().get(tenant.path)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "cannot be read right now" in page
    assert "canary" not in page
    assert "Latest calls" in page


def test_limits_of_the_policy_are_shown(tenant: Tenant) -> None:
    page = tenant.client().get(tenant.path).content.decode()
    for name in ("rpm", "budget", "inflight"):
        assert name in page
    assert "$50.00 free" in page


def test_number_of_queries_does_not_grow_with_the_calls(tenant: Tenant) -> None:
    client = tenant.client()
    tenant.never_lost()

    def queries(path: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    now = datetime.now(UTC)
    call = tenant.call(now)
    tenant.bucket(quarter(now), requests=1)
    client.get(tenant.path)  # the first of a session also puts it on the list of sessions
    few = queries(tenant.path), queries(f"{tenant.path}calls/{call.event_id}/")
    for n in range(30):
        tenant.call(now - timedelta(seconds=n))
        tenant.bucket(quarter(now), requests=1)
    many = queries(tenant.path), queries(f"{tenant.path}calls/{call.event_id}/")
    assert few == many
    assert many[0] <= 35  # one of them counts the requests that wait for this member
    assert many[1] <= 14


def status(**fields: Any) -> LimitStatus:
    return LimitStatus(
        **{
            "name": "one",
            "level": "key",
            "object": "chatbot/production",
            "meter": "requests",
            "per": "day",
            "models": None,
            "window_start": None,
            "window_end": None,
            "held": 0,
            "held_calls": 0,
            **fields,
        }
    )


def test_bar_of_a_limit_that_refills_is_its_burst(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    rpm = status(per="minute", limit=600, spent=45, held=5, free=10)
    monkeypatch.setattr(limits, "organization_limits", lambda _: [rpm])
    found = limits.limits(tenant.organization.pk)
    assert found is not None
    (bar,) = found.bars
    assert (bar.size, bar.spent, bar.held, bar.state) == (60, 750.0, 83.3, "nearly")
    page = tenant.client().get(tenant.path).content.decode()
    assert "600 requests per minute" in page
    assert "of a burst of 60" in page


def test_shadow_and_raised_limits_say_so(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    until = to_us(datetime(2031, 5, 6, 7, 8, tzinfo=UTC))
    trial = status(name="trial", limit=100, spent=130, free=0, shadow=True)
    raised = status(
        name="launch", limit=200, spent=10, free=190, raised=Raised(200, 200, until), is_raised=True
    )
    ended = status(name="past", limit=100, spent=10, free=90, raised=Raised(200, 200, 1))
    monkeypatch.setattr(limits, "organization_limits", lambda _: [trial, raised, ended])
    found = limits.limits(tenant.organization.pk)
    assert found is not None
    assert {bar.status.name: bar.state for bar in found.bars} == {
        "trial": "nearly",  # nobody is kept out
        "launch": "free",
        "past": "free",
    }
    page = tenant.client().get(tenant.path).content.decode()
    assert page.count("shadow: only reports") == 1
    assert page.count("raised until") == 1
    assert "raised until 6 May 2031" in page


def test_limits_on_each_end_user_are_told_without_figures(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    per_user = status(
        name="per-user", level="end_user", object="(each end user)", meter="cost", limit=2_000_000_000,
        spent=0, free=2_000_000_000, counted=False,
    )  # fmt: skip
    monkeypatch.setattr(limits, "organization_limits", lambda _: [per_user])
    found = limits.limits(tenant.organization.pk)
    assert found is not None
    assert (found.bars, found.more, found.each_user) == ([], 0, [per_user])
    page = tenant.client().get(tenant.path).content.decode()
    assert "For each end user: per-user, $2.00 per day." in page
    assert "No limit is in force" not in page


@pytest.mark.parametrize(("limit", "spent"), [(100, 130), (0, 0)])
def test_overspent_and_empty_limits_are_full(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, limit: int, spent: int
) -> None:
    over = status(limit=limit, spent=spent, held=20, free=0)
    monkeypatch.setattr(limits, "organization_limits", lambda _: [over])
    found = limits.limits(tenant.organization.pk)
    assert found is not None
    assert (found.bars[0].spent, found.bars[0].held, found.bars[0].state) == (1000.0, 0.0, "full")


def test_of_very_many_limits_the_fullest_are_shown(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def some(_: object) -> list[LimitStatus]:
        return [status(object=f"chatbot/key-{n:03}", limit=100, spent=n, free=100 - n) for n in range(1, 101)]

    monkeypatch.setattr(limits, "organization_limits", some)
    found = limits.limits(tenant.organization.pk)
    assert found is not None
    assert [bar.status.spent for bar in found.bars] == list(range(51, 101))
    assert [bar.state for bar in found.bars][28:30] == ["free", "nearly"]
    assert found.bars[-1].state == "full"
    assert "50 more limits" in tenant.client().get(tenant.path).content.decode()
