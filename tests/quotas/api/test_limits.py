"""GET …/limits: how each limit stands, object by object."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.lib import access
from tenants.models import ApiKey
from tests.conftest import MakeTenant, Tenant
from tests.management import client_of


@pytest.fixture
def limited(make_tenant: MakeTenant) -> Tenant:
    """Limits on the organization, on two projects and on three keys, and one key without."""
    rule = {"meter": "requests", "per": "day", "limit": 10}
    policies = [
        {
            "name": "default",
            "limits": [
                {"name": "all", **rule},
                {"name": "cost", "meter": "cost", "per": "month", "limit": "2.50"},
            ],
        },
        {
            "name": "project",
            "limits": [{"name": "project", **rule}, {"name": "each", **rule, "of": "each_key", "limit": 3}],
        },
        {"name": "own", "limits": [{"name": "own", **rule}, {"name": "user", **rule, "of": "each_end_user"}]},
    ]
    projects = [
        {"slug": "app", "policy": "project", "keys": [{"name": "one"}, {"name": "two"}]},
        {"slug": "web", "keys": [{"name": "main", "policy": "own"}, {"name": "free"}]},
    ]
    return make_tenant({"policies": policies, "projects": projects})


def ask(tenant: Tenant, **query: str | int) -> Any:
    answer = client_of(tenant.id, ["usage.read"]).get(f"/api/v1/organizations/{tenant.slug}/limits", query)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["errors"])


def named(found: Any) -> set[tuple[str, str]]:
    return {(one["object"], one["name"]) for one in found["data"]}


def test_every_limit_is_listed_with_its_figures(limited: Tenant) -> None:
    found = ask(limited)
    assert named(found) == {
        (limited.slug, "all"),
        (limited.slug, "cost"),
        ("app", "project"),
        ("app/one", "each"),
        ("app/two", "each"),
        ("web/main", "own"),
        ("(each end user)", "user"),
    }
    assert found["next_cursor"] is None
    [cost] = [one for one in found["data"] if one["name"] == "cost"]
    assert (cost["limit"], cost["spent"], cost["held"], cost["free"]) == (2_500_000_000, 0, 0, 2_500_000_000)
    [user] = [one for one in found["data"] if one["name"] == "user"]
    assert user["spent"] is None


def test_filters_narrow_by_level_project_and_key(limited: Tenant) -> None:
    with access.operator():
        two = ApiKey.objects.get(organization_id=limited.id, name="two")
    assert named(ask(limited, level="organization")) == {(limited.slug, "all"), (limited.slug, "cost")}
    assert named(ask(limited, level="project")) == {("app", "project")}
    assert named(ask(limited, project="app")) == {
        ("app", "project"),
        ("app/one", "each"),
        ("app/two", "each"),
    }
    assert named(ask(limited, level="key", project="app")) == {("app/one", "each"), ("app/two", "each")}
    assert named(ask(limited, key="web/main")) == {("web/main", "own"), ("(each end user)", "user")}
    assert named(ask(limited, key=str(two.pk))) == {("app/two", "each")}


def test_pages_of_keys_make_up_the_whole_list(limited: Tenant) -> None:
    pages, cursor = [], ""
    while True:
        found = ask(limited, limit=1, **({"cursor": cursor} if cursor else {}))
        pages.append(found["data"])
        if found["next_cursor"] is None:
            break
        cursor = found["next_cursor"]
    assert len(pages) == 4  # a key each, the one without limits too
    listed = [(one["object"], one["name"]) for page in pages for one in page]
    assert sorted(listed) == sorted((one["object"], one["name"]) for one in ask(limited)["data"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"level": "end_user"}, "level"),
        ({"level": "project", "key": "app/one"}, "key"),
        ({"level": "organization", "project": "app"}, "project"),
        ({"key": "neither"}, "key"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "made-up"}, "cursor"),
    ],
    ids=str,
)
def test_bad_query_names_its_field(limited: Tenant, query: dict[str, str], field: str) -> None:
    status, errors = ask(limited, **query)
    assert (status, [error["field"] for error in errors]) == (400, [field])


def test_scope_is_asked_for(limited: Tenant) -> None:
    asked = client_of(limited.id, ["calls.read"])
    assert asked.get(f"/api/v1/organizations/{limited.slug}/limits").status_code == 403
