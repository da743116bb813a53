"""GET …/why: of a request by its id, or of a key and a model."""

from __future__ import annotations

from typing import Any

import pytest

from orbit.lib.ids import uuid7
from tests.conftest import MakeTenant, Tenant
from tests.management import client_of
from tests.proxy.conftest import ApiOf

DAILY = {"name": "daily", "meter": "requests", "per": "day", "limit": 1}
READ = ["calls.read", "usage.read"]


def ask(tenant: Tenant, scopes: Any = READ, organization: Any = None, **query: Any) -> Any:
    return client_of(organization or tenant.id, scopes).get(f"/api/v1/organizations/{tenant.slug}/why", query)


def test_call_is_told_and_the_key_and_model_explained(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[DAILY])
    request_id = api_of(tenant).chat().headers["x-orbit-request-id"]
    tenant.events()
    told = ask(tenant, request_id=request_id).json()
    assert (told["now"], told["request"]["outcome"], told["request"]["in_ledger"]) == (None, "settled", True)
    now = ask(tenant, key="app/main", model="gpt-4o-mini").json()["now"]
    assert (now["decision"], now["refused_by"]) == ("refuse", "daily")
    assert [limit["name"] for limit in now["limits"]] == ["daily"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "request_id"),
        ({"request_id": "no"}, "request_id"),
        ({"request_id": "0190b1b2-0000-7000-8000-000000000000", "key": "app/main"}, "key"),
        ({"key": "app/main"}, "model"),
        ({"model": "m"}, "key"),
        ({"key": "app/none", "model": "m"}, "key"),
        ({"key": "app/main", "model": "m", "endpoint": "models"}, "endpoint"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_bad_question_names_its_field(tenant: Tenant, query: dict[str, str], field: str) -> None:
    answer = ask(tenant, **query)
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (400, [field])


def test_scopes_and_organizations_are_kept_apart(tenant: Tenant, make_tenant: MakeTenant) -> None:
    assert ask(tenant, ["usage.read"], request_id=str(uuid7())).status_code == 403
    assert ask(tenant, ["calls.read"], key="app/main", model="m").status_code == 403
    assert ask(tenant, organization=make_tenant().id, request_id=str(uuid7())).status_code == 404
    assert ask(tenant, ["calls.read"], request_id=str(uuid7())).json()["request"]["outcome"] == "unknown"
