"""A page and a request of the management API leave one span each: the route's template, never an address."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from django.conf import settings
from redis import Redis

from tenants import services
from tests.conftest import Tenant
from tests.console.conftest import make_person, signed_in
from tests.gateway import Gateway
from tests.proxy.traces.conftest import Caller, Traced

QUEUE = "orbit-celery:jobs"
ALONE: dict[str, Any] = {"trust_env": False, "timeout": 60}  # of a machine that does much else
KEYS = "/api/v1/organizations/<slug:organization>/keys"


def root(gateway: Gateway) -> str:
    return gateway.base_url.removesuffix("/v1")


def management_key(organization_id: UUID) -> str:
    _, text = services.issue_management_key(
        organization_id=organization_id,
        name=f"traces-{time.time_ns()}",
        scopes=["keys.read", "ledger.read", "calls.read", "organization.read"],
        actor="test",
    )
    return text


def below(traced: Traced, caller: Caller) -> dict[str, Any]:
    """The one span of the caller's trace."""
    until = time.monotonic() + 60
    while not (found := [one for one in traced.collector.spans() if one["trace_id"] == caller.trace_id]):
        assert time.monotonic() < until, "no span came"
        time.sleep(0.05)
    [span] = found
    return span


def test_request_of_the_api_has_its_route_status_and_organization(
    traced: Traced, tenant: Tenant, caller: Caller
) -> None:
    headers = {"authorization": f"Bearer {management_key(tenant.id)}", **caller.header()}
    answer = httpx2.get(
        f"{root(traced.gateway)}/api/v1/organizations/{tenant.slug}/keys?limit=3", headers=headers, **ALONE
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    span = below(traced, caller)
    assert (span["name"], span["kind"], span["parent_id"]) == (f"GET {KEYS}", 2, caller.span_id)
    assert (span["failed"], span["state"]) == (False, "vendor=1")
    assert span["attributes"] == {
        "http.request.method": "GET",
        "http.route": KEYS,
        "http.response.status_code": 200,
        "orbit.request_id": answer.headers["x-request-id"],
        "orbit.organization_id": str(tenant.id),
    }


def test_page_of_an_organization_names_it_and_nothing_of_its_address(
    traced: Traced, tenant: Tenant, caller: Caller
) -> None:
    person = make_person()
    services.add_member(organization_id=tenant.id, person=person, role="owner", actor="test")
    cookie = signed_in(person).cookies[settings.SESSION_COOKIE_NAME].value
    answer = httpx2.get(
        f"{root(traced.gateway)}/o/{tenant.slug}/why/?key=canary-41b7",
        headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}", **caller.header()},
        **ALONE,
    )
    assert answer.status_code == 400  # a model is needed, too
    span = below(traced, caller)
    assert span["name"] == "GET /o/<slug:slug>/why/"
    assert span["attributes"]["orbit.organization_id"] == str(tenant.id)
    assert (span["attributes"]["http.response.status_code"], span["failed"]) == (400, False)
    sent = (traced.collector.folder / "bodies").read_bytes()
    assert b"canary-41b7" not in sent
    assert person.email.encode() not in sent


def test_address_that_is_no_page_has_a_span_without_a_route(traced: Traced, caller: Caller) -> None:
    answer = httpx2.get(f"{root(traced.gateway)}/no-such-41b7", headers=caller.header(), **ALONE)
    assert answer.status_code == 404
    span = below(traced, caller)
    assert (span["name"], span["attributes"]["http.response.status_code"]) == ("GET", 404)
    assert "http.route" not in span["attributes"]


def test_health_and_files_have_none(traced: Traced, caller: Caller) -> None:
    for path in ("/healthz", "/static/orbit/favicon.svg", "/metrics"):
        httpx2.get(f"{root(traced.gateway)}{path}", headers=caller.header(), **ALONE)
    after = Caller("ab" * 16, "cd" * 8)
    httpx2.get(f"{root(traced.gateway)}/no-such", headers=after.header(), **ALONE)
    below(traced, after)  # sent later than theirs would have been
    assert not [one for one in traced.collector.spans() if one["trace_id"] == caller.trace_id]


@pytest.fixture
def queue() -> Iterator[Redis]:
    with Redis.from_url(settings.ORBIT_BROKER_URL) as store:
        yield store


def test_task_that_a_request_sends_is_told_where_it_stands(
    traced: Traced, tenant: Tenant, caller: Caller, queue: Redis
) -> None:
    headers = {"authorization": f"Bearer {management_key(tenant.id)}", **caller.header()}
    address = f"{root(traced.gateway)}/api/v1/organizations/{tenant.slug}/exports"
    made = httpx2.post(address, json={"format": "jsonl", "kind": "act"}, headers=headers, **ALONE)
    assert made.status_code in (201, 202), made.text
    span = below(traced, caller)
    waiting: list[bytes] = queue.lrange(QUEUE, 0, -1)  # type: ignore[assignment]
    told = [json.loads(one)["headers"].get("traceparent") for one in waiting]
    assert f"00-{caller.trace_id}-{span['span_id']}-01" in told


def test_without_traces_tasks_are_told_nothing(
    gateway: Gateway, tenant: Tenant, caller: Caller, queue: Redis
) -> None:
    headers = {"authorization": f"Bearer {management_key(tenant.id)}", **caller.header()}
    address = f"{root(gateway)}/api/v1/organizations/{tenant.slug}/exports"
    made = httpx2.post(address, json={"format": "jsonl", "kind": "act"}, headers=headers, **ALONE)
    assert made.status_code in (201, 202), made.text
    waiting: list[bytes] = queue.lrange(QUEUE, 0, -1)  # type: ignore[assignment]
    mine = [one for one in map(json.loads, waiting) if str(tenant.id) in one["headers"]["argsrepr"]]
    assert mine
    assert not [one for one in mine if "traceparent" in one["headers"]]
