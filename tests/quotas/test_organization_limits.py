"""Every limit of an organization, as the pages show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orbit.lib import access
from quotas import status
from quotas.status import organization_limits
from tenants.models import ApiKey, KeyUse
from tests.conftest import MakeTenant


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
