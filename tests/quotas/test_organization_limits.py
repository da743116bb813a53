"""Every limit of an organization, as the pages show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from orbit.lib import access
from orbit.lib.clock import to_us
from quotas import status, usage
from quotas.limits import window_at
from quotas.policies import calendar_of
from quotas.status import every_limit, limits_over, organization_limits
from tenants.models import ApiKey, KeyUse, Organization
from tests.conftest import MakeTenant
from tests.console.conftest import quarter
from tests.rollups import plant


def rule(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "meter": "requests", "per": "day", "limit": 10, **fields}


def test_every_limit_is_listed_once_on_its_object(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(
        entry={
            "policies": [
                {
                    "name": "default",
                    "limits": [
                        rule("all"),
                        rule("trial", limit=5, shadow=True),
                        rule("keys", of="each_key", limit=4),
                        rule("users", of="each_end_user", limit=3),
                    ],
                },
                {"name": "app", "limits": [rule("app"), rule("app-users", of="each_end_user", limit=2)]},
                {"name": "own", "limits": [rule("own", limit=2), rule("rate", per="minute", burst=7)]},
            ],
            "projects": [
                {
                    "slug": "app",
                    "name": "App",
                    "policy": "app",
                    "keys": [{"name": "main", "policy": "own"}, {"name": "second"}],
                }
            ],
        }
    )
    with access.scope(organization_id=tenant.id):
        found = organization_limits(tenant.id)
    assert {(one.level, one.object, one.name): (one.free, one.shadow, one.counted) for one in found} == {
        ("organization", tenant.slug, "all"): (10, False, True),
        ("organization", tenant.slug, "trial"): (5, True, True),
        ("end_user", "(each end user)", "users"): (3, False, False),
        ("project", "app", "app"): (10, False, True),
        ("end_user", "(each end user)", "app-users"): (2, False, False),
        ("key", "app/main", "own"): (2, False, True),  # in place of `keys`, which it implies
        ("key", "app/main", "rate"): (7, False, True),
        ("key", "app/second", "keys"): (4, False, True),
    }
    assert len(found) == 8


def test_limits_over_some_calls_are_those_that_they_count_against(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(
        {
            "policies": [
                {"name": "default", "limits": [rule("all"), rule("keys", of="each_key"), rule("dear", models=["gpt-4o"])]},
                {"name": "own", "limits": [rule("own")]},
            ],
            "projects": [
                {"slug": slug, "policy": "own", "keys": [{"name": "a"}, {"name": "b"}]} for slug in ("one", "two")
            ],
        }
    )  # fmt: skip
    with access.scope(organization_id=tenant.id):
        (key,) = ApiKey.objects.filter(project__slug="one", name="b")

        def over(*, keys_alone: bool = False, **only: Any) -> set[str]:
            found = limits_over(tenant.id, only, keys_alone=keys_alone)
            return {f"{one.object if one.level != 'organization' else ''} {one.name}" for one in found}

        whole = {" all", " dear"}
        of_one = {"one own", "one/a keys", "one/b keys"}
        assert over(project_id=[key.project_id]) == whole | of_one
        assert over(key_id=[key.pk]) == whole | {"one own", "one/b keys"}
        assert over(key_id=[key.pk], keys_alone=True) == {"one/b keys"}
        assert over(key_id=[]) == whole
        every = {" all", *of_one, "two own", "two/a keys", "two/b keys"}
        assert over(model=["gpt-4o-mini"]) == every
        assert over(model=["gpt-4o"]) == every | whole


def test_of_very_many_keys_those_used_last_are_read(
    make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = {"name": "each", "meter": "requests", "per": "minute", "limit": 60, "of": "each_key"}
    names = [{"name": f"key-{number}"} for number in range(5)]
    tenant = make_tenant({"projects": [{"slug": "app", "keys": names}]}, limits=[each])
    with access.operator():
        ids = dict(ApiKey.objects.filter(organization_id=tenant.id).values_list("name", "pk"))
    with access.ledger():
        for number in range(5):
            used_at = datetime(2026, 11, 1 + number, tzinfo=UTC)
            KeyUse.objects.create(key_id=ids[f"key-{number}"], organization_id=tenant.id, used_at=used_at)

    def read() -> list[str]:
        with access.scope(organization_id=tenant.id):
            return [one.object for one in organization_limits(tenant.id) if one.level == "key"]

    assert read() == [f"app/key-{number}" for number in range(5)]
    monkeypatch.setattr(status, "MOST_KEYS", 2)
    assert read() == ["app/key-3", "app/key-4"]


def test_figures_read_together_are_those_read_one_by_one(make_tenant: MakeTenant) -> None:
    """Counters that nobody used yet have what the ledger says, which is asked for all of them at once."""
    spend = {"name": "spend", "meter": "cost", "per": "month", "limit": "50.00"}
    each = [rule("each", of="each_key"), {**spend, "name": "fast", "models": ["gpt-4o"], "of": "each_key"}]
    entry = {
        "policies": [
            {"name": "default", "limits": [rule("all", limit=1000), spend, *each]},
            {"name": "app", "limits": [rule("app", limit=100), {**spend, "per": "day", "meter": "cost"}]},
        ],
        "projects": [
            {"slug": slug, "policy": "app", "keys": [{"name": "a"}, {"name": "b"}]} for slug in ("one", "two")
        ],
    }
    tenant = make_tenant(entry)
    now = datetime.now(UTC)
    with access.scope(organization_id=tenant.id):
        organization = Organization.objects.get(pk=tenant.id)
        for number, key in enumerate(ApiKey.objects.order_by("pk"), 1):
            for model in ("gpt-4o", "gpt-4o-mini"):
                plant(
                    tenant.id, quarter(now), key.project_id, key.pk,
                    model=model, requests=number, cost_nano=number * 10**9,
                )  # fmt: skip
        calendar = calendar_of(organization)
        wanted = [
            (limit, window_at(limit.per, calendar, to_us(now)))
            for limit in every_limit(organization)
            if limit.per
        ]
        with CaptureQueriesContext(connections["default"]) as asked_alone:
            alone = [usage.spent(tenant.shard, str(tenant.id), *one).used for one in wanted]
        with CaptureQueriesContext(connections["default"]) as asked:
            together = usage.spent_together(tenant.shard, str(tenant.id), wanted)
    assert [one.used for one in together] == alone
    assert len({one[""] for one in alone}) > 8
    assert len(asked) < len(asked_alone) / 3
