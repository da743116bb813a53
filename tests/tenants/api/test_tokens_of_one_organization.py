"""An operator's token that names one organization opens nothing of another, and nothing of the installation's."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied

from tenants import callers, services
from tenants.api import authentication
from tenants.models import Organization
from tenants.rights import SCOPES
from tests.tenants.api.conftest import Caller, caller


@pytest.fixture
def token(organization: Organization) -> callers.Caller:
    return callers.Caller("a token", frozenset(SCOPES.values()), organization=organization.slug)


@pytest.fixture
def bound(token: callers.Caller, monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(authentication, "readers", lambda: (lambda _: token,))
    return caller("whatever")


def test_it_opens_its_own_organization(bound: Caller, organization: Organization) -> None:
    path = f"organizations/{organization.slug}"
    assert bound("PATCH", path, {"name": "Other"}).json()["name"] == "Other"
    assert bound("POST", f"{path}/suspend", {}).json()["state"] == "suspended"


def test_it_opens_no_other(bound: Caller, token: callers.Caller, other: Organization) -> None:
    assert bound("PATCH", f"organizations/{other.slug}", {"name": "Mine"}).status_code == 404
    with pytest.raises(PermissionDenied):
        services.update_organization(organization_id=other.pk, actor=token, name="Mine")


def test_it_opens_nothing_of_the_installations(bound: Caller, slug: str) -> None:
    answer = bound("POST", "organizations", {"slug": f"new-{slug}"})
    assert answer.status_code == 403
    assert "one organization" in answer.json()["detail"]
