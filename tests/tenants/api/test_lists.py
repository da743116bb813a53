from __future__ import annotations

from typing import Any

import pytest

from tenants import services
from tenants.models import ApiKey, Organization
from tests.tenants.api.conftest import Caller


@pytest.fixture
def many(key: ApiKey, organization: Organization) -> list[str]:
    """Names of keys, the newest first."""
    names = [f"key-{number}" for number in range(7)]
    for name in names:
        services.issue_key(organization_id=organization.pk, actor="test", project="bot", name=name)
    return [*reversed(names), key.name]


def _walk(admin: Caller, path: str, limit: int) -> list[list[dict[str, Any]]]:
    pages, cursor = [], ""
    while True:
        said = admin("GET", f"{path}?limit={limit}{cursor}").json()
        pages.append(said["data"])
        if said["next_cursor"] is None:
            return pages
        cursor = f"&cursor={said['next_cursor']}"


@pytest.mark.parametrize("limit", [1, 3, 4, 8, 200])
def test_pages_together_are_the_list(admin: Caller, many: list[str], slug: str, limit: int) -> None:
    pages = _walk(admin, f"organizations/{slug}/keys", limit)
    assert [row["name"] for page in pages for row in page] == many
    assert all(len(page) == limit for page in pages[:-1])


def test_a_page_does_not_shift_when_something_is_added(
    admin: Caller, many: list[str], organization: Organization, slug: str
) -> None:
    first = admin("GET", f"organizations/{slug}/keys?limit=4").json()
    services.issue_key(organization_id=organization.pk, actor="test", project="bot", name="newest")
    second = admin("GET", f"organizations/{slug}/keys?limit=4&cursor={first['next_cursor']}").json()
    assert [row["name"] for row in first["data"] + second["data"]] == many


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=%00", "cursor"),
        ("cursor=bm9uZQ", "cursor"),
        ("cursor=AA", "cursor"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "limit"),
        ("ordr=name", "ordr"),
        ("due=perhaps", "due"),
        ("unused_since=2026-01-01T00:00:00", "unused_since"),
        ("name=%00", "name"),
        ("project=none", "project"),
    ],
)
def test_a_query_that_makes_no_sense_names_its_field(
    admin: Caller, key: ApiKey, slug: str, query: str, field: str
) -> None:
    answer = admin("GET", f"organizations/{slug}/keys?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_filters_narrow(admin: Caller, many: list[str], slug: str) -> None:
    found = admin("GET", f"organizations/{slug}/keys?name=key-*&project=bot").json()["data"]
    assert [row["name"] for row in found] == many[:-1]
    key_id = found[0]["id"]
    admin("POST", f"organizations/{slug}/keys/{key_id}/revoke", {"reason": "test"})
    revoked = admin("GET", f"organizations/{slug}/keys?revoked=true").json()["data"]
    assert [row["id"] for row in revoked] == [key_id]
