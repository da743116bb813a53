"""POST …/limits/explain: what a request of a key would meet, as the command says it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis.exceptions import ConnectionError as StoreAway

from orbit.lib import access
from proxy import api
from tenants.models import ApiKey
from tests.conftest import MakeTenant, Tenant
from tests.management import client_of
from tests.tenants.conftest import run

TOKENS: dict[str, Any] = {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1000}


@pytest.fixture
def limited(make_tenant: MakeTenant) -> Tenant:
    return make_tenant(limits=[TOKENS, {**TOKENS, "name": "users", "of": "each_end_user", "limit": 300}])


def ask(tenant: Tenant, **body: Any) -> Any:
    body = {"key": "app/main", "model": "gpt-4o-mini", **body}
    path = f"/api/v1/organizations/{tenant.slug}/limits/explain"
    return client_of(tenant.id, ["usage.read"]).post(path, json.dumps(body), content_type="application/json")


def test_answer_is_the_commands(limited: Tenant) -> None:
    told = ask(limited, input_tokens=50, max_output_tokens=100, end_user="ada").json()
    options = ("--input-tokens", "50", "--max-output-tokens", "100", "--end-user", "ada", "--json")
    named = f"{limited.slug}/app/main"
    command = run("limits", "explain", "--key", named, "--model", "gpt-4o-mini", *options).json
    assert command.pop("key") == named
    assert told.pop("key") == "app/main"
    assert told == command
    assert (told["decision"], told["reserved"]["output_tokens"]) == ("admit", 100)


def test_refusal_names_limit_and_code(limited: Tenant) -> None:
    told = ask(limited, max_output_tokens=301, end_user="ada").json()
    assert (told["decision"], told["code"], told["refused_by"]) == (
        "refuse",
        "request_exceeds_limit",
        "users",
    )


def test_key_is_named_by_path_or_id(limited: Tenant) -> None:
    with access.operator():
        key = ApiKey.objects.get(organization_id=limited.id)
    assert ask(limited, key=str(key.pk)).json()["limits"] == ask(limited).json()["limits"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key": "app/no-such"}, "key"),
        ({"key": "5f0d6c1e-2b3a-4c11-9a40-7d3e019ab1c2"}, "key"),
        ({"key": "neither"}, "key"),
        ({"endpoint": "models"}, "endpoint"),
        ({"input_tokens": -1}, "input_tokens"),
        ({"input_tokens": "50"}, "input_tokens"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 10**12}, "max_output_tokens"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_bad_question_names_its_field(limited: Tenant, body: dict[str, Any], field: str) -> None:
    answer = ask(limited, **body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_key_of_another_organization_is_not_known(limited: Tenant, tenant: Tenant) -> None:
    with access.operator():
        foreign = ApiKey.objects.get(organization_id=tenant.id)
    assert ask(limited, key=str(foreign.pk)).status_code == 400


def test_store_that_is_away_is_503(limited: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreAway

    monkeypatch.setattr(api, "explain", away)
    answer = ask(limited)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]


def test_scope_is_asked_for(limited: Tenant) -> None:
    asked = client_of(limited.id, ["calls.read"])
    path = f"/api/v1/organizations/{limited.slug}/limits/explain"
    assert asked.post(path, "{}", content_type="application/json").status_code == 403
