"""Whose organization: a foreign one, and one that there is not, are the same to a caller."""

from __future__ import annotations

from typing import Any

import pytest

from tenants import services
from tenants.models import Organization
from tests.tenants.api.conftest import CallAs, Caller


def _body(answer: Any) -> dict[str, Any]:
    made: dict[str, Any] = answer.json()
    return {name: value for name, value in made.items() if name != "request_id"}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_foreign_organization_is_none(admin: Caller, other: Organization, method: str) -> None:
    foreign = admin(method, f"organizations/{other.slug}", {"name": "Mine"})
    missing = admin(method, "organizations/there-is-none", {"name": "Mine"})
    assert foreign.status_code == missing.status_code == 404
    assert _body(foreign) == _body(missing)


def test_a_list_holds_the_own_organization(
    admin: Caller, operator: Caller, other: Organization, slug: str
) -> None:
    assert [one["slug"] for one in admin("GET", "organizations").json()["data"]] == [slug]
    assert admin("GET", f"organizations?slug={other.slug}").json()["data"] == []
    found = operator("GET", f"organizations?slug={other.slug}").json()["data"]
    assert [one["slug"] for one in found] == [other.slug]


def test_what_the_scopes_lack_is_refused_by_name(call_as: CallAs, slug: str) -> None:
    answer = call_as("usage.read")("GET", f"organizations/{slug}/keys")
    assert answer.status_code == 403
    assert "keys.read" in answer.json()["detail"]


def test_only_operators_suspend_and_create(admin: Caller, operator: Caller, slug: str) -> None:
    assert admin("POST", f"organizations/{slug}/suspend", {}).status_code == 403
    assert admin("POST", "organizations", {"slug": f"new-{slug}"}).status_code == 403
    assert (
        operator("POST", f"organizations/{slug}/suspend", {"reason": "unpaid"}).json()["state"] == "suspended"
    )
    assert operator("POST", f"organizations/{slug}/resume", {}).json()["state"] == "active"
    assert operator("POST", "organizations", {"slug": f"new-{slug}"}).status_code == 201
    again = operator("POST", "organizations", {"slug": f"new-{slug}"})
    assert again.status_code == 400
    assert again.json()["errors"][0]["field"] == "slug"


def test_a_deleted_organization_can_only_be_looked_at_and_restored(admin: Caller, slug: str) -> None:
    assert admin("DELETE", f"organizations/{slug}").status_code == 204
    assert admin("GET", f"organizations/{slug}").json()["state"] == "deleted"
    assert admin("PATCH", f"organizations/{slug}", {"name": "Other"}).status_code == 403
    assert admin("POST", f"organizations/{slug}/restore", {}).json()["state"] == "active"


def test_a_change_is_told_by_the_credentials_name(admin: Caller, organization: Organization) -> None:
    from audit.models import OutboxEntry
    from orbit.lib import access

    admin("PATCH", f"organizations/{organization.slug}", {"name": "Other"})
    with access.scope(organization_id=organization.pk):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
    assert (acts[-1]["actor"], acts[-1]["action"]) == ("management key key-0", "organization.update")


def test_a_calendar_under_a_ceiling_is_the_operators(
    admin: Caller, operator: Caller, organization: Organization
) -> None:
    services.set_ceiling(organization_id=organization.pk, document={}, actor="test")
    path = f"organizations/{organization.slug}"
    assert admin("PATCH", path, {"time_zone": "Europe/Berlin"}).status_code == 403
    assert operator("PATCH", path, {"time_zone": "Europe/Berlin"}).status_code == 200
