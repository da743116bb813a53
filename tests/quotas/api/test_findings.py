"""GET …/findings: how often what was found, and never what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orbit.lib import access
from quotas.findings import rollup
from tenants.models import Project
from tenants.services.false_positives import FALSE_POSITIVE
from tests.conftest import MakeTenant, Tenant
from tests.management import client_of


@pytest.fixture
def found(make_tenant: MakeTenant) -> Tenant:
    """Two types in two projects, and a false alarm."""
    keys = [{"name": "main"}]
    made = make_tenant({"projects": [{"slug": "app", "keys": keys}, {"slug": "web", "keys": keys}]})
    with access.operator():
        projects = dict(Project.objects.filter(organization_id=made.id).values_list("slug", "pk"))
    rows = [
        _row(made, "call", projects["app"], _told("EMAIL_ADDRESS", "request", "tokenize", 5)),
        _row(made, "call", projects["web"], _told("EMAIL_ADDRESS", "answer", "mask", 2)),
        _row(made, "call", projects["web"], _told("SECRET", "request", "block", 1, shadow=True)),
        *[_row(made, "act", None, {"action": FALSE_POSITIVE, "after": {"type": "SECRET"}})] * 3,
    ]
    with access.ledger():
        rollup.apply(rows)
    return made


def _row(tenant: Tenant, kind: str, project: Any, detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "organization_id": tenant.id,
        "project_id": project,
        "admitted_at": datetime.now(UTC),
        "count": None,
        "detail": detail,
    }


def _told(kind: str, direction: str, action: str, count: int, **more: Any) -> dict[str, Any]:
    one = {"type": kind, "direction": direction, "place": "user", "action": action, "count": count, **more}
    return {"dlp": {"findings": [one]}}


def ask(tenant: Tenant, **query: str) -> Any:
    since = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    client = client_of(tenant.id, ["organization.read"])
    answer = client.get(f"/api/v1/organizations/{tenant.slug}/findings", {"since": since, **query})
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["errors"])


def figures(row: dict[str, Any]) -> tuple[int, int]:
    return row["findings"], row["false_positives"]


def test_sums_are_told_by_what_is_asked(found: Tenant) -> None:
    assert figures(ask(found)["totals"]) == (8, 3)
    assert ask(found)["rows"] == []
    by_type = {row["type"]: figures(row) for row in ask(found, by="type")["rows"]}
    assert by_type == {"EMAIL_ADDRESS": (7, 0), "SECRET": (1, 3)}
    by_project = {row["project"]: figures(row) for row in ask(found, by="project")["rows"]}
    assert by_project == {"app": (5, 0), "web": (3, 0)}
    assert {row["action"] for row in ask(found, by="action,shadow")["rows"]} == {
        "tokenize",
        "mask",
        "block",
        None,
    }


def test_sums_are_narrowed(found: Tenant) -> None:
    only = {"project": "web", "type": "EMAIL_ADDRESS", "direction": "answer", "action": "mask"}
    assert figures(ask(found, **only)["totals"]) == (2, 0)
    assert figures(ask(found, project="app")["totals"]) == (5, 0)


def test_what_is_wrong_is_named(found: Tenant) -> None:
    for query, field in (
        ({"by": "value"}, "by"),
        ({"project": "nowhere"}, "project"),
        ({"action": "burn"}, "action"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"since": "2020-01-01T00:00:00Z"}, "since"),
    ):
        status, errors = ask(found, **query)
        assert status == 400
        assert errors[0]["field"] == field
