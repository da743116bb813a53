"""GET …/usage: what the command reports, over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from orbit.lib import access
from quotas.api import usage
from quotas.rollups import bucket_start
from tenants.models import ApiKey, Project, ProviderAccount
from tests.conftest import MakeTenant, Tenant
from tests.management import client_of
from tests.rollups import plant
from tests.tenants.conftest import run


@pytest.fixture
def used(make_tenant: MakeTenant) -> Tenant:
    """Two keys of two projects, in the last quarter of an hour."""
    keys = [{"name": "main"}]
    projects = [{"slug": "app", "keys": keys}, {"slug": "web", "keys": keys}]
    made = make_tenant({"time_zone": "Europe/Berlin", "projects": projects})
    with access.operator():
        of_app = ApiKey.objects.get(organization_id=made.id, project__slug="app")
        of_web = ApiKey.objects.get(organization_id=made.id, project__slug="web")
        account = ProviderAccount.objects.get(organization_id=made.id)
    for key, model, requests in ((of_app, "fast", 2), (of_app, "slow", 1), (of_web, "fast", 4)):
        plant(
            made.id,
            bucket_start(timezone.now()),
            key.project_id,
            key.pk,
            account_id=account.pk,
            model=model,
            requests=requests,
            input_tokens=10 * requests,
            output_tokens=requests,
            cost_nano=1_500_000 * requests,
        )
    return made


def ask(tenant: Tenant, **query: str) -> Any:
    answer = client_of(tenant.id, ["usage.read"]).get(f"/api/v1/organizations/{tenant.slug}/usage", query)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["errors"])


def test_report_is_the_commands(used: Tenant) -> None:
    told = ask(used, by="project,key,model,account,day")
    command = run(
        "usage", "--organization", used.slug, "--by", "project,key,model,account,day", "--json"
    ).json
    moving = {"until", "complete_until"}  # now
    assert {name: value for name, value in told.items() if name not in moving} == {
        name: value for name, value in command.items() if name not in moving
    }
    assert set(told) == set(command)


def test_totals_rows_and_money_add_up(used: Tenant) -> None:
    told = ask(used, by="project")
    assert (told["currency"], told["time_zone"]) == ("USD", "Europe/Berlin")
    assert told["totals"]["requests"] == 7
    assert (told["totals"]["cost_nano"], told["totals"]["cost"]) == (10_500_000, "0.0105")
    assert {row["project"]: row["requests"] for row in told["rows"]} == {"app": 3, "web": 4}
    assert sum(row["cost_nano"] for row in told["rows"]) == told["totals"]["cost_nano"]
    assert ask(used)["rows"] == []


def test_usage_of_one_project_key_model_or_account_is_summed_alone(used: Tenant) -> None:
    with access.operator():
        key = ApiKey.objects.get(organization_id=used.id, project__slug="web")
    assert ask(used, project="app")["totals"]["requests"] == 3
    assert ask(used, key="web/main")["totals"]["requests"] == 4
    assert ask(used, key=str(key.pk))["totals"]["requests"] == 4
    assert ask(used, model="fast")["totals"]["requests"] == 6
    assert ask(used, project="app", model="fast", account="demo")["totals"]["requests"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "project,colour"}, "by"),
        ({"by": "end_user,key"}, "by"),
        ({"by": "tag,code"}, "by"),
        ({"by": "code", "model": "fast"}, "by"),
        ({"since": "2026-11-01"}, "since"),  # without a zone
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "until"),
        ({"since": "2025-01-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "since"),
        ({"since": "0001-01-01T00:00:00+12:00"}, "since"),
        ({"project": "no-such"}, "project"),
        ({"key": "app/no-such"}, "key"),
        ({"key": "neither"}, "key"),
        ({"account": "no-such"}, "account"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_bad_query_names_its_field(used: Tenant, query: dict[str, str], field: str) -> None:
    status, errors = ask(used, **query)
    assert (status, [error["field"] for error in errors]) == (400, [field])


def test_more_rows_than_one_answer_holds_are_refused(used: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_ROWS", 2)
    assert len(ask(used, by="project")["rows"]) == 2
    status, errors = ask(used, by="project,model")
    assert (status, errors[0]["field"]) == (400, "by")


def test_another_organizations_names_are_not_known(used: Tenant, tenant: Tenant) -> None:
    with access.operator():
        foreign = Project.objects.get(organization_id=tenant.id)
        key = ApiKey.objects.get(organization_id=tenant.id)
    assert foreign.slug == "app"
    for named in (str(key.pk), str(uuid4())):
        status, errors = ask(used, key=named)
        assert (status, errors[0]["field"]) == (400, "key")


def test_scope_is_asked_for(used: Tenant) -> None:
    path = f"/api/v1/organizations/{used.slug}/usage"
    assert client_of(used.id, ["calls.read"]).get(path).status_code == 403
    assert Client().get(path).status_code == 401


def test_foreign_organization_is_not_there(used: Tenant, tenant: Tenant) -> None:
    asked = client_of(tenant.id)
    for name in ("usage", "limits", "contract-prices", "calls", "events"):
        foreign = asked.get(f"/api/v1/organizations/{used.slug}/{name}")
        missing = asked.get(f"/api/v1/organizations/no-such/{name}")
        assert foreign.status_code == missing.status_code == 404
        assert _without_id(foreign.content) == _without_id(missing.content)


def _without_id(body: bytes) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(body)
    del made["request_id"]
    return made
