"""GET …/events: the whole ledger with its chain, for those who may see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from audit import chain
from audit.models import Event
from orbit.lib import access
from tenants import services
from tests.audit.conftest import Feed, feed
from tests.management import client_of

__all__ = ["feed"]

BOTH = ("ledger.read", "calls.read")


def ask(feed: Feed, *scopes: str, **query: str) -> Any:
    path = f"/api/v1/organizations/{feed.organization.slug}/events"
    return client_of(feed.id, scopes or BOTH).get(path, query)


@pytest.fixture
def fed(feed: Feed) -> Feed:
    """An act, a call, a refusal, another's act, and those of the keys that tests ask with."""
    feed.send(feed.call())
    feed.send({**feed.call(), "kind": "refusal", "count": 3, "limit": "rpm"})
    feed.write()
    services.save_project(organization_id=feed.id, slug="web", name="Web", actor="ada@example.com")
    feed.write()
    return feed


def test_every_entry_is_told_as_it_is_exported(fed: Feed) -> None:
    found = ask(fed).json()["data"]
    assert found == fed.exported()[::-1][-len(found) :]
    assert [one["kind"] for one in found] == ["act", "refusal", "call", "act"]


def test_chain_can_be_followed_from_what_is_told(fed: Feed) -> None:
    found = ask(fed, order="oldest").json()["data"]
    assert [one["seq"] for one in found] == [1, 2, 3, 4]
    before = chain.START
    for one in found:
        assert one["prev_hash"] == before
        before = chain.link({name: value for name, value in one.items() if name != "hash"})
        assert one["hash"] == before


def test_pages_go_both_ways(fed: Feed) -> None:
    for order, expected in (("newest", [4, 3, 2, 1]), ("oldest", [1, 2, 3, 4])):
        first = ask(fed, limit="3", order=order).json()
        second = ask(fed, limit="3", order=order, cursor=first["next_cursor"]).json()
        assert [one["seq"] for one in first["data"] + second["data"]] == expected
        assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"kind": "act"}, [4, 1]),
        ({"kind": "call"}, [2]),
        ({"kind": "refusal"}, [3]),
        ({"kind": "correction"}, []),
        ({"actor": "ada@example.com"}, [4]),
        ({"action": "project.create"}, [4]),
        ({"action": "organization.create", "actor": "test"}, [1]),
        ({"since": "2199-01-01T00:00:00Z"}, []),
        ({"until": "2020-01-01T00:00:00Z"}, []),
    ],
    ids=str,
)
def test_each_filter_leaves_out_the_others(fed: Feed, query: dict[str, str], expected: list[int]) -> None:
    assert [one["seq"] for one in ask(fed, **query).json()["data"]] == expected


def test_calls_take_their_own_scope(fed: Feed) -> None:
    assert ask(fed, "calls.read").status_code == 403
    refused = ask(fed, "ledger.read")
    assert refused.status_code == 403
    assert "kind=act" in refused.json()["detail"]
    for kind in ("call", "refusal", "correction", "adjustment"):
        assert ask(fed, "ledger.read", kind=kind).status_code == 403
    assert [one["kind"] for one in ask(fed, "ledger.read", kind="act").json()["data"]] == ["act", "act"]
    assert len(ask(fed, "ledger.read", actor="ada@example.com").json()["data"]) == 1


def test_words_of_acts_do_not_open_calls(fed: Feed) -> None:
    assert ask(fed, "ledger.read", kind="call", actor="ada@example.com").status_code == 403


def test_acts_are_found_by_an_index(fed: Feed) -> None:
    """However many calls there are between them."""
    with access.scope(organization_id=fed.id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = Event.objects.filter(kind="act").order_by("-seq")[:50].explain()
    assert "audit_event_rest" in plan or "organization_id_kind_seq" in plan
