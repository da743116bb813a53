"""What became of a request: of each way that one can end, the answer is its own, with the limit as it was then."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from orbit.lib import access
from orbit.lib.ids import uuid7
from orbit.lib.store import client
from proxy import refusals, why
from quotas import keys
from tenants import services
from tenants.models import ApiKey, Organization
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import ApiOf, hello
from tests.tenants.conftest import run

DAILY = {"name": "daily", "meter": "requests", "per": "day", "limit": 1}


def told(tenant: Tenant, request_id: str | UUID, **only: Any) -> why.Told:
    with access.scope(organization_id=tenant.id):
        return why.told(Organization.objects.get(pk=tenant.id), UUID(str(request_id)), only)


def noted(tenant: Tenant, request_id: str) -> why.Told:
    """Notes leave the worker twice a second."""
    until = time.monotonic() + 10
    while (found := told(tenant, request_id)).outcome != "refused":
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


def test_refusal_by_a_limit_has_its_figures_of_that_moment(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[DAILY])
    assert api_of(tenant).chat().status_code == 200
    refused = api_of(tenant).chat()
    found = noted(tenant, refused.headers["x-orbit-request-id"])
    assert (found.code, found.status, found.project, found.key) == ("insufficient_quota", 429, "app", "main")
    assert (found.model, found.endpoint, found.in_ledger) == ("gpt-4o-mini", "chat/completions", False)
    assert (found.limit["limit"], found.limit["limit_value"], found.limit["spent"]) == ("daily", 1, 1)
    assert refused.json()["error"]["message"] in found.message
    assert found.message.startswith("It was refused at 20")


def test_settled_call_says_who_answered_and_who_pays(tenant: Tenant, api_of: ApiOf) -> None:
    answer = api_of(tenant).chat(messages=hello("tokens=7"))
    [event] = tenant.events()
    found = told(tenant, answer.headers["x-orbit-request-id"])
    assert (found.outcome, found.in_ledger, found.limit) == ("settled", True, {})
    assert "The account 'demo' answered with status 200." in found.message
    assert f"Charged to the key app/main: {event['input_tokens']} input and 7 output tokens" in found.message
    assert "(by the provider's own count)" in found.message


def test_call_that_its_provider_failed_names_the_tries_and_costs_nothing(
    tenant: Tenant, api_of: ApiOf
) -> None:
    answer = api_of(tenant).chat(messages=hello("status=500"))
    assert answer.status_code == 502
    assert len(tenant.events()) == 1
    found = told(tenant, answer.headers["x-orbit-request-id"])
    assert (found.outcome, found.code) == ("provider_failed", "upstream_error")
    assert "tried at 'demo' (status 500" in found.message
    assert "Nothing was charged to the key app/main." in found.message


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"model": "no-such"}, "model_not_found", "does not exist"),
        ({"messages": "my secret words"}, "invalid_request", "field 'messages'"),
    ],
)
def test_refusals_that_no_limit_made_are_told_too(
    tenant: Tenant, api_of: ApiOf, fields: dict[str, Any], code: str, words: str
) -> None:
    answer = api_of(tenant).chat(**fields)
    found = noted(tenant, answer.headers["x-orbit-request-id"])
    assert (found.code, found.limit) == (code, {})
    assert words in found.message
    rows: Any = client().xrange(keys.turned_away(tenant.shard, str(tenant.id)))
    kept = b"".join(fields[b"n"] for _, fields in rows)
    assert b"secret words" not in kept


def test_revoked_key_is_told_of_to_those_who_may_ask(tenant: Tenant, api_of: ApiOf) -> None:
    assert api_of(tenant).chat().status_code == 200
    with access.operator():
        key = ApiKey.objects.get(organization_id=tenant.id)
    services.revoke_key(organization_id=tenant.id, key_id=key.pk, actor="test", reason="lost")
    answer = api_of(tenant).chat()
    assert answer.status_code == 401
    found = noted(tenant, answer.headers["x-orbit-request-id"])
    assert "The key app/main was revoked at " in found.message


def test_call_under_way_is_said_to_be(tenant: Tenant) -> None:
    request_id = uuid7()
    event = {"organization_id": str(tenant.id), "key_id": str(uuid4()), "project": "app", "key": "main"}
    lease = keys.lease(tenant.shard, str(request_id))
    client().hset(lease, mapping={"e": json.dumps(event)})
    client().expire(lease, 60)
    assert told(tenant, request_id).outcome == "under_way"
    assert told(tenant, request_id, key_id__in=[uuid4()]).outcome == "unknown"


def test_other_organizations_and_other_keys_hear_nothing(
    make_tenant: MakeTenant, tenant: Tenant, api_of: ApiOf
) -> None:
    limited = make_tenant(limits=[DAILY])
    answers = [api_of(limited).chat() for _ in range(2)]
    limited.events()
    ids = [one.headers["x-orbit-request-id"] for one in answers]
    assert noted(limited, ids[1]).outcome == "refused"
    assert [told(tenant, one).outcome for one in ids] == ["unknown", "unknown"]
    assert [told(limited, one, key_id__in=[uuid4()]).outcome for one in ids] == ["unknown", "unknown"]


def test_call_of_another_organization_that_has_just_ended_is_not_told_of(
    make_tenant: MakeTenant, tenant: Tenant, api_of: ApiOf
) -> None:
    """Both before the ledger has it and after: its tombstone in the store says nothing of whose it was."""
    other = make_tenant()
    with access.operator():
        row = Organization.objects.get(pk=other.id)
    row.shard = tenant.shard  # as if they shared it
    request_id = UUID(api_of(tenant).chat().headers["x-orbit-request-id"])
    until = time.monotonic() + 10
    while client().get(keys.tombstone(tenant.shard, str(request_id))) is None:
        assert time.monotonic() < until
        time.sleep(0.05)

    def outcomes() -> tuple[str, str]:
        with access.scope(organization_id=other.id):
            theirs = why.told(row, request_id).outcome
        return told(tenant, request_id).outcome, theirs

    assert outcomes() in (("under_way", "unknown"), ("settled", "unknown"))
    tenant.events()
    assert outcomes() == ("settled", "unknown")


def test_id_of_nobody_is_said_to_be_none(tenant: Tenant) -> None:
    assert "none of the gateway's ids" in told(tenant, uuid4()).message
    found = told(tenant, uuid7())
    assert (found.outcome, "nothing" not in found.message.lower()) == ("unknown", True)


def test_notes_of_one_organization_are_bounded(tenant: Tenant, api_of: ApiOf) -> None:
    key = keys.turned_away(tenant.shard, str(tenant.id))
    for _ in range(refusals.KEPT):
        client().xadd(key, {"n": json.dumps({"request_id": "old"})})
    noted(tenant, api_of(tenant).chat(model="no-such").headers["x-orbit-request-id"])
    assert client().xlen(key) == refusals.KEPT
    assert 0 < client().ttl(key) <= refusals.KEPT_S


def test_command_finds_whose_request_it_is(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[DAILY])
    admitted, refused = (api_of(tenant).chat().headers["x-orbit-request-id"] for _ in range(2))
    tenant.events()
    noted(tenant, refused)
    assert run("why", admitted, "--json").json["outcome"] == "settled"
    said = run("why", refused).out
    assert "refused: insufficient_quota" in said
    assert "The limit 'daily' at that moment: limit_value 1, spent 1, held 0, free 0" in said
    now = run("why", "--key", f"{tenant.slug}/app/main", "--model", "gpt-4o-mini").out
    assert "would be refused: insufficient_quota" in now


@pytest.mark.parametrize(
    "arguments", [[], ["no-id"], ["--key", "a/b/c"], [str(uuid4()), "--model", "m"], [str(uuid4())]]
)
def test_command_refuses_what_names_nothing(database: None, arguments: list[str]) -> None:
    assert run("why", *arguments).code == 2


def test_refusals_are_noted_when_they_came(tenant: Tenant, api_of: ApiOf) -> None:
    before = datetime.now(UTC)
    found = noted(tenant, api_of(tenant).chat(model="no-such").headers["x-orbit-request-id"])
    assert found.at is not None
    assert before <= found.at <= datetime.now(UTC)
