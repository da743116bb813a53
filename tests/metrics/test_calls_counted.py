"""What /metrics says of calls is what the ledger says of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.metrics import money
from tests.conftest import MakeTenant, Tenant
from tests.inspectors import Services
from tests.metrics.conftest import Sums
from tests.proxy.conftest import ApiOf, hello
from tests.proxy.personal.test_outside import outside
from tests.proxy.roads import GPT

Scrape = Callable[[], Sums]


def test_settled_calls_tokens_and_cost_are_the_ledgers(tenant: Tenant, api_of: ApiOf, scrape: Scrape) -> None:
    for _ in range(3):
        assert api_of(tenant).chat(messages=hello("tokens=7")).status_code == 200
    streamed = api_of(tenant).chat(messages=hello("tokens=7"), stream=True)
    assert streamed.text.endswith("data: [DONE]\n\n")
    events = tenant.events()
    found, own = scrape(), {"organization": tenant.slug}
    assert found("orbit_calls_total", **own, status="settled", stream="no") == 3
    assert found("orbit_calls_total", **own, status="settled", stream="yes") == 1
    for direction in ("input", "output"):
        expected = sum(one[f"{direction}_tokens"] for one in events)
        assert found("orbit_tokens_total", **own, model="gpt-4o-mini", direction=direction) == expected
    cost = sum(one["cost_nano"] for one in events) / 1e9
    assert found("orbit_cost_total", **own, currency="USD") == pytest.approx(cost)
    assert found("orbit_call_duration_seconds_count", **own) == 4
    assert found("orbit_first_token_seconds_count", **own) == 1
    assert found("orbit_provider_attempts_total", **own, account="demo", outcome="ok") == 4


def test_refusals_are_told_apart_by_code_and_limit(
    make_tenant: MakeTenant, api_of: ApiOf, scrape: Scrape
) -> None:
    tenant = make_tenant(limits=[{"name": "daily", "meter": "requests", "per": "day", "limit": 1}])
    for _ in range(3):
        api_of(tenant).chat()
    api_of(tenant).chat(model="no-such")
    found, own = scrape(), {"organization": tenant.slug}
    assert found("orbit_refusals_total", **own, code="insufficient_quota", limit="daily") == 2
    assert found("orbit_refusals_total", **own, code="model_not_found", limit="") == 1
    assert found("orbit_calls_total", **own) == 1


def test_provider_errors_are_counted_as_attempts_and_codes(
    tenant: Tenant, api_of: ApiOf, scrape: Scrape
) -> None:
    api_of(tenant).chat(messages=hello("status=500"))
    api_of(tenant).chat(messages=hello("status=400"))
    found, own = scrape(), {"organization": tenant.slug}
    assert found("orbit_calls_total", **own, status="provider_failed") == 2
    assert found("orbit_provider_attempts_total", **own, outcome="server") == 1
    assert found("orbit_provider_attempts_total", **own, outcome="refused") == 1
    assert found("orbit_call_errors_total", **own, code="upstream_error") == 1
    assert found("orbit_call_errors_total", **own, code="provider") == 1


def test_stores_ledger_and_workers_are_there(tenant: Tenant, scrape: Scrape) -> None:
    found = scrape()
    assert (found("orbit_database_up"), found("orbit_store_up")) == (1, 1)
    assert found("orbit_processes", kind="web") >= 1
    assert found("orbit_scrape_part_up") == 7
    assert found("orbit_web_workers") >= 1


def test_limits_of_the_organization_are_told(make_tenant: MakeTenant, api_of: ApiOf, scrape: Scrape) -> None:
    tenant = make_tenant(
        limits=[
            {"name": "daily", "meter": "requests", "per": "day", "limit": 10},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "5.00"},
        ]
    )
    api_of(tenant).chat()
    told = {(one.family.name, one.labels[1]): one.value for one in money.limits([tenant.slug])}
    assert told["orbit_limit_allowed", "daily"] == 10
    assert (told["orbit_limit_spent", "daily"], told["orbit_limit_free", "daily"]) == (1, 9)
    assert told["orbit_limit_allowed", "budget"] == 5
    assert 0 < told["orbit_limit_spent", "budget"] < 0.1


def test_calls_that_went_on_uninspected_are_counted_once_for_each_reason(
    make_tenant: MakeTenant, api_of: ApiOf, scrape: Scrape
) -> None:
    names = {"by": "model", "when_uninspected": "pass"}
    looking = {
        "rules": [{"types": ["*"], "action": "mask", "direction": "request"}],
        "max_bytes": 1000,
        "when_uninspected": "pass",
    }
    tenant = make_tenant(dlp={**looking, "names": names})
    for words in ("hello", "word " * 300):
        assert api_of(tenant).chat(messages=[{"role": "user", "content": words}]).status_code == 200
    found, own = scrape(), {"organization": tenant.slug, "direction": "request"}
    assert found("orbit_uninspected_total", **own, what="names", reason="away") == 1
    assert found("orbit_uninspected_total", **own, what="all", reason="cap") == 1


def test_inspectors_outside_are_counted_for_refused_requests_too(
    make_tenant: MakeTenant, provider: ProviderHandle, services: Services, api_of: ApiOf, scrape: Scrape
) -> None:
    tenant = outside(make_tenant, provider, services, mode="error", price="2.00")
    assert api_of(tenant).chat(model=GPT, messages=[{"role": "user", "content": "hello"}]).status_code == 503
    found, own = scrape(), {"organization": tenant.slug, "inspector": "watch"}
    assert found("orbit_inspector_requests_total", **own) == 1
    assert found("orbit_inspector_cost_total", **own, currency="USD") == 0.002
