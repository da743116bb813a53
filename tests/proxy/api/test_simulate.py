"""POST …/policies/{name}/simulate: a draft tried on what was recorded, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connections, transaction

from proxy import api
from tests.conftest import Tenant
from tests.management import client_of
from tests.proxy.test_simulation import Past, past

__all__ = ["past"]

TOKENS = {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1000}


def ask(
    tenant: Tenant, policy: str = "default", scopes: tuple[str, ...] = ("policies.write",), **body: Any
) -> Any:
    body = {"document": {"limits": [TOKENS]}, "days": 4, **body}
    path = f"/api/v1/organizations/{tenant.slug}/policies/{policy}/simulate"
    return client_of(tenant.id, scopes).post(path, json.dumps(body), content_type="application/json")


@pytest.fixture
def recorded(past: Past) -> Tenant:
    """Three calls of 600 tokens on one day, so that the second and third are over the draft."""
    for number in range(3):
        past.call(number * 100, number * 100 + 10, 600, 600)
    past.tenant.events()
    return past.tenant


def test_answer_tells_what_would_have_been_refused(recorded: Tenant) -> None:
    told = ask(recorded).json()
    assert (told["calls"], told["refused"]["calls"], told["refused"]["tokens"]) == (3, 2, 1200)
    [limit] = told["limits"]
    assert (limit["limit"], limit["refused"]["largest"]["key"][0]["name"]) == ("tokens", "app/main")
    assert told["not_judged"] == {"calls": 0, "reasons": {}}


def test_nothing_of_the_policy_is_changed(recorded: Tenant) -> None:
    before = client_of(recorded.id).get(f"/api/v1/organizations/{recorded.slug}/limits").json()
    assert ask(recorded).status_code == 200
    assert client_of(recorded.id).get(f"/api/v1/organizations/{recorded.slug}/limits").json() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"document": {"limits": [{**TOKENS, "meter": "colour"}]}}, "limits[0].meter"),
        ({"document": []}, "document"),
        ({"days": 0}, "days"),
        ({"days": 32}, "days"),
        ({"days": 1.5}, "days"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_bad_draft_names_its_field(recorded: Tenant, body: dict[str, Any], field: str) -> None:
    answer = ask(recorded, **body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(("bound", "value"), [("MOST_EVENTS", 2), ("MOST_S", 0.0)])
def test_more_than_is_allowed_is_refused_with_a_way_out(
    recorded: Tenant, monkeypatch: pytest.MonkeyPatch, bound: str, value: float
) -> None:
    monkeypatch.setattr(api, bound, value)
    answer = ask(recorded)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["field"], "manage.py policy simulate" in error["remedy"]) == ("days", True)


def test_one_runs_at_a_time(recorded: Tenant) -> None:
    with transaction.atomic(using="ledger"), connections["ledger"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [api.SIMULATION_LOCK, str(recorded.id)]
        )
        answer = ask(recorded)
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert ask(recorded).status_code == 200


def test_policy_that_is_not_there_is_404(recorded: Tenant, tenant: Tenant) -> None:
    assert ask(recorded, "no-such").status_code == 404


def test_scope_is_asked_for(recorded: Tenant) -> None:
    assert ask(recorded, scopes=("usage.read", "calls.read")).status_code == 403
