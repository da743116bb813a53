"""The page that says why a request was refused: to whoever may see it, with the way to ask for more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.test import Client
from redis.exceptions import ConnectionError as StoreAway

from console import why
from orbit.lib.ids import uuid7
from orbit.lib.store import client as store
from quotas import keys
from tenants import services
from tests.console.conftest import Tenant, make_person, signed_in, unused_id

FIGURES = {
    "limit": "budget", "level": "organization", "object": "acme", "meter": "cost", "per": "month",
    "limit_value": 50_000_000_000, "spent": 49_000_000_000, "held": 0, "free": 1_000_000_000, "held_calls": 0,
}  # fmt: skip


def note(tenant: Tenant, key_id: Any) -> str:
    """Of a refusal of just now, as a worker leaves it."""
    told = {
        "request_id": str(uuid7()), "at_us": int(datetime.now(UTC).timestamp() * 1e6), "project": "app",
        "key_id": str(key_id), "key": "main", "endpoint": "chat/completions", "model": "fast",
        "code": "insufficient_quota", "status": 429, "message": "The limit has no room.", "param": None, "figures": FIGURES,
    }  # fmt: skip
    row = tenant.organization
    store().xadd(keys.turned_away(row.shard, str(row.pk)), {"n": orjson.dumps(told)})
    return str(told["request_id"])


def page(client: Client, tenant: Tenant, **query: Any) -> str:
    answer = client.get(f"{tenant.path}why/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_refusal_is_shown_with_its_limit_and_the_way_to_more(tenant: Tenant) -> None:
    shown = page(tenant.client(), tenant, request_id=note(tenant, unused_id()))
    assert "The limit has no room." in shown
    assert "The limit at that moment" in shown
    assert "$49.00" in shown
    assert f"{tenant.path}requests/?limit=budget#ask" in shown
    assert "?key=app%2Fmain&amp;model=fast" in shown


def test_what_the_database_does_not_take_is_no_fault_of_ours(tenant: Tenant) -> None:
    for query in ({"key": "a/\x00", "model": "x"}, {"request_id": "\x00"}, {"key": "a/b", "model": "\x00"}):
        assert tenant.client().get(f"{tenant.path}why/", query).status_code in (200, 400)


def test_call_leads_here_and_back_where_it_did_not_end_well(tenant: Tenant) -> None:
    call = tenant.call(datetime.now(UTC), status="provider_failed", code="upstream_timeout")
    there = tenant.client().get(f"{tenant.path}calls/{call.event_id}/").content.decode()
    assert f"{tenant.path}why/?request_id={call.event_id}" in there
    shown = page(tenant.client(), tenant, request_id=call.event_id)
    assert "The provider fell silent for too long." in shown
    assert f"{tenant.path}calls/{call.event_id}/" in shown


def test_member_without_the_right_to_calls_hears_of_own_keys_alone(tenant: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    services.save_role(**where, name="reader", rights=["organization.read"])
    member = make_person()
    services.add_member(**where, person=member, role="reader")
    own, _ = services.issue_key(**where, project=tenant.project.slug, name="own", owner=member.email)
    services.issue_key(**where, project=tenant.project.slug, name="other")
    client = signed_in(member)
    assert "The limit has no room." in page(client, tenant, request_id=note(tenant, own.pk))
    assert "The limit has no room." not in page(client, tenant, request_id=note(tenant, unused_id()))
    named = f"{tenant.project.slug}/own"
    assert "It would be refused" in page(client, tenant, key=named, model="none-such")
    answer = client.get(f"{tenant.path}why/", {"key": f"{tenant.project.slug}/other", "model": "fast"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"request_id": "no"}, "is no id"),
        ({"key": "app/main"}, "Model: is needed"),
        ({"key": "no/such", "model": "fast"}, "there is no key"),
    ],
)
def test_bad_question_names_its_field(tenant: Tenant, query: dict[str, str], words: str) -> None:
    answer = tenant.client().get(f"{tenant.path}why/", query)
    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_store_that_is_away_is_said(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreAway

    monkeypatch.setattr("proxy.why.told", away)
    assert why.AWAY in page(tenant.client(), tenant, request_id=str(uuid7()))
