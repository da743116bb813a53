"""GET …/calls: the ledger's calls by filters, and one of them in full."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from audit import reading
from orbit.lib import money
from orbit.lib.clock import from_us, rfc3339, to_us
from tests.audit.conftest import Feed, feed
from tests.conftest import MakeTenant
from tests.gateway import Gateway
from tests.management import client_of

__all__ = ["feed"]

NOON = to_us(datetime.fromisoformat("2026-11-20T12:00:00Z"))
MINUTE = 60_000_000


def ask(feed: Feed, *further: object, **query: str | int) -> Any:
    path = "/".join([f"/api/v1/organizations/{feed.organization.slug}/calls", *map(str, further)])
    answer = client_of(feed.id, ["calls.read"]).get(path, query)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["errors"])


def seqs(found: Any) -> list[int]:
    return [one["seq"] for one in found["data"]]


@pytest.fixture
def fed(feed: Feed) -> Feed:
    """Entries 2 to 7: a call each minute, every second of them odd in all respects."""
    for number in range(6):
        odd = {
            "project": "web",
            "model": "slow",
            "account": "spare",
            "status": "provider_failed",
            "code": "upstream_error",
            "end_user": "ada",
        }
        feed.send(feed.call(admitted_us=NOON + number * MINUTE, **(odd if number % 2 else {})))
    feed.write()
    return feed


def test_calls_are_listed_the_newest_first(fed: Feed) -> None:
    found = ask(fed)
    assert seqs(found) == [7, 6, 5, 4, 3, 2]  # 1 is the organization's creation
    assert found["next_cursor"] is None
    first = found["data"][-1]
    assert (first["model"], first["cost_nano"], first["cost"]) == ("gpt-4o-mini", 4500, money.amount(4500))
    assert not {"attempts", "hash", "prev_hash"} & set(first)
    assert "end_user" not in first  # unknown, so absent


@pytest.mark.parametrize(
    "query",
    [
        {"project": "web"},
        {"model": "slow"},
        {"account": "spare"},
        {"status": "provider_failed"},
        {"code": "upstream_error"},
        {"end_user": "ada"},
        {"project": "web", "end_user": "ada"},
    ],
    ids=str,
)
def test_each_filter_leaves_out_the_others(fed: Feed, query: dict[str, str]) -> None:
    assert seqs(ask(fed, **query)) == [7, 5, 3]


def test_times_are_those_of_admission(fed: Feed) -> None:
    since, until = (rfc3339(from_us(NOON + minutes * MINUTE)) for minutes in (1, 4))
    assert seqs(ask(fed, since=since)) == [7, 6, 5, 4, 3]
    assert seqs(ask(fed, since=since, until=until)) == [5, 4, 3]
    beyond = rfc3339(from_us(NOON) + timedelta(days=90))
    assert seqs(ask(fed, since=beyond)) == []


def test_one_is_found_by_its_request_id(fed: Feed) -> None:
    call = fed.exported()[3]
    assert seqs(ask(fed, request_id=call["request_id"])) == [call["seq"]]
    assert seqs(ask(fed, request_id=str(uuid4()))) == []


def test_pages_make_up_the_whole_list(fed: Feed) -> None:
    found, cursor = [], ""
    while True:
        page = ask(fed, limit=2, **({"cursor": cursor} if cursor else {}))
        found += seqs(page)
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert found == [7, 6, 5, 4, 3, 2]


def test_rare_calls_are_found_over_pages_that_look_at_so_many(
    fed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCANNED", 2)
    found: list[int] = []
    cursor, pages = "", 0
    while True:
        page = ask(fed, end_user="ada", **({"cursor": cursor} if cursor else {}))
        assert len(page["data"]) <= 2
        found, pages = found + seqs(page), pages + 1
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert (found, pages) == ([7, 5, 3], 4)  # the fourth finds the end


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "odd"}, "status"),
        ({"request_id": "1"}, "request_id"),
        ({"key": "neither"}, "key"),
        ({"since": "yesterday"}, "since"),
        ({"cursor": "bm90LWEtbnVtYmVy"}, "cursor"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_bad_query_names_its_field(fed: Feed, query: dict[str, str], field: str) -> None:
    status, errors = ask(fed, **query)
    assert (status, [error["field"] for error in errors]) == (400, [field])


def test_one_call_in_full_has_attempts_and_corrections(fed: Feed) -> None:
    call = fed.exported()[2]
    late = fed.call(event_id=call["event_id"], admitted_us=NOON + MINUTE, output_tokens=9, cost_nano=5000)
    fed.send(late, "late", d="0 0 0")
    fed.write()
    found = ask(fed, call["event_id"])
    assert {name: found[name] for name in call} == call  # as it is exported, with its place in the chain
    assert found["attempts"] == [{"account": "demo", "http_status": 200}]
    [correction] = found["corrections"]
    assert (correction["kind"], correction["corrects"], correction["output_tokens"]) == (
        "correction",
        call["event_id"],
        4,
    )


def test_what_is_no_call_of_the_organization_is_not_there(fed: Feed, make_tenant: MakeTenant) -> None:
    tenant, act = make_tenant(), fed.exported()[0]
    asked = client_of(tenant.id)
    own = client_of(fed.id)
    path = "/api/v1/organizations"
    call = fed.exported()[1]["event_id"]
    assert own.get(f"{path}/{fed.organization.slug}/calls/{call}").status_code == 200
    assert own.get(f"{path}/{fed.organization.slug}/calls/{act['event_id']}").status_code == 404
    assert own.get(f"{path}/{fed.organization.slug}/calls/{uuid4()}").status_code == 404
    assert asked.get(f"{path}/{tenant.slug}/calls/{call}").status_code == 404
    assert asked.get(f"{path}/{tenant.slug}/calls", {"request_id": call}).json()["data"] == []


def test_scope_is_asked_for(fed: Feed) -> None:
    path = f"/api/v1/organizations/{fed.organization.slug}/calls"
    asked = client_of(fed.id, ["usage.read", "ledger.read"])
    assert asked.get(path).status_code == 403
    assert asked.get(f"{path}/{uuid4()}").status_code == 403


def test_the_gateways_own_call_is_found_by_key_and_by_its_answers_id(
    gateway: Gateway, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant()
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx2.post(
        f"{gateway.base_url}/chat/completions", json=body, headers={"authorization": f"Bearer {tenant.key}"}
    )
    tenant.events()
    asked = client_of(tenant.id, ["calls.read"])
    path = f"/api/v1/organizations/{tenant.slug}/calls"
    [call] = asked.get(path, {"key": "app/main"}).json()["data"]
    assert call["request_id"] == answer.headers["x-orbit-request-id"]
    full = asked.get(f"{path}/{answer.headers['x-orbit-request-id']}").json()
    assert [one["account"] for one in full["attempts"]] == ["demo"]
    assert full["corrections"] == []
