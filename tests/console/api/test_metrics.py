"""GET …/metrics: an organization reads its own series, and no other's."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orbit.lib.metrics import OTHER, Book, Shelf
from proxy.measures import CALLS, FAMILIES, LOOP_DELAY, NOBODY, REFUSALS
from quotas.status import Attached
from tenants import services
from tests.conftest import MakeTenant, Tenant
from tests.management import client_of
from tests.metrics.conftest import sums
from tests.proxy.conftest import ApiOf, api_of, client

__all__ = ["api_of", "client"]


def ask(tenant: Tenant, scopes: list[str], organization: UUID | None = None) -> Any:
    return client_of(organization or tenant.id, scopes).get(
        f"/api/v1/organizations/{tenant.slug}/metrics", headers={"Accept": "text/plain;version=0.0.4"}
    )


@pytest.fixture
def two(make_tenant: MakeTenant, tmp_path: Path, settings: Any) -> Any:
    """Both have calls on the shelf, and so have those without series of their own."""
    limits = [{"name": "daily", "meter": "requests", "per": "day", "limit": 10}]
    one, other = make_tenant(limits=limits), make_tenant(limits=limits)
    book = Book(FAMILIES)
    for slug, count in ((one.slug, 3), (other.slug, 4), (OTHER, 5), (NOBODY, 6)):
        book.add(CALLS, (slug, "settled", "no"), count)
        book.add(REFUSALS, (slug, "rate_limited", "rpm"), count)
    book.set(LOOP_DELAY, (), 1)
    settings.ORBIT_DATA_DIR = tmp_path
    place = Shelf(tmp_path / "metrics").enter("web")
    place.put(place.content(book))
    yield one, other
    place.close()


def test_only_ones_own_series_are_told(two: tuple[Tenant, Tenant]) -> None:
    one, other = two
    answer = ask(one, ["usage.read"])
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = sums(answer.content.decode())
    assert (found("orbit_calls_total"), found("orbit_calls_total", organization=one.slug)) == (3, 3)
    assert found("orbit_refusals_total", limit="rpm") == 3
    assert found("orbit_limit_allowed", organization=one.slug, limit="daily") == 10
    assert other.slug not in answer.content.decode()
    assert "orbit_loop_delay" not in answer.content.decode()


def test_month_and_limits_are_the_ledgers(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[{"name": "daily", "meter": "requests", "per": "day", "limit": 10}])
    for _ in range(2):
        assert api_of(tenant).chat().status_code == 200
    events = tenant.events()
    found = sums(ask(tenant, ["usage.read"]).content.decode())
    assert (found("orbit_month_calls"), found("orbit_limit_spent", limit="daily")) == (2, 2)
    assert found("orbit_month_tokens", direction="input") == sum(one["input_tokens"] for one in events)
    cost = sum(one["cost_nano"] for one in events) / 1e9
    assert found("orbit_month_cost", currency="USD") == pytest.approx(cost)


def test_limits_of_one_name_have_series_of_their_own(make_tenant: MakeTenant) -> None:
    """A policy on trial beside the operator's ceiling."""
    rule = {"name": "daily", "meter": "requests", "per": "day"}
    tenant = make_tenant(limits=[{**rule, "limit": 5, "shadow": True}])
    services.set_ceiling(
        organization_id=tenant.id, document={"limits": [{**rule, "limit": 10}]}, actor="test"
    )
    found = sums(ask(tenant, ["usage.read"]).content.decode())
    assert found("orbit_limit_allowed", limit="daily") == 10
    assert found("orbit_limit_allowed", limit="daily (shadow)") == 5


def test_limits_that_nothing_tells_apart_are_numbered(
    make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = make_tenant(limits=[{"name": "daily", "meter": "requests", "per": "day", "limit": 10}])
    really = Attached.statuses
    monkeypatch.setattr(Attached, "statuses", lambda *given: really(*given) * 2)
    text = ask(tenant, ["usage.read"]).content.decode()
    assert sums(text)("orbit_limit_allowed", limit="daily (2)") == 10
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))


def test_others_and_those_without_the_scope_read_nothing(make_tenant: MakeTenant) -> None:
    tenant = make_tenant()
    assert ask(tenant, ["calls.read"]).status_code == 403
    assert ask(tenant, ["usage.read"], organization=make_tenant().id).status_code == 404
