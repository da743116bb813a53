"""Pages say what retention has taken, and what is left of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pytest
from django.test import Client

from audit import retention
from audit.models import Event
from audit.retention import Leaf
from orbit.lib import access
from orbit.lib.clock import to_us
from tenants import services
from tests.audit.conftest import Feed
from tests.audit.test_retention import months_ago
from tests.console.conftest import make_person, signed_in

LEAF = Leaf(retention.month_of(months_ago(6)), 30)


@dataclass(frozen=True)
class Lost:
    """An organization with a call that was dropped and one that was not."""

    feed: Feed
    dropped: str
    kept: str

    def visitor(self, role: str) -> Client:
        person = make_person()
        services.add_member(organization_id=self.feed.id, person=person, role=role, actor="test")
        return signed_in(person)

    def path(self, rest: str) -> str:
        return f"/o/{self.feed.organization.slug}/{rest}"


@pytest.fixture
def lost() -> Lost:
    feed = Feed(services.create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test"))
    old, new = feed.call(admitted_us=to_us(LEAF.since), retention=30), feed.call()
    feed.send(old)
    feed.send(new)
    feed.write()
    retention.drop(LEAF)
    feed.write()
    return Lost(feed, old["event_id"], new["event_id"])


def test_call_that_was_dropped_says_so_with_its_place_in_the_chain(lost: Lost) -> None:
    answer = lost.visitor("auditor").get(lost.path(f"calls/{lost.dropped}/"))
    assert answer.status_code == 404
    said = answer.content.decode()
    assert "This call was dropped" in said
    with access.operator():
        after = Event.objects.get(organization_id=lost.feed.id, event_id=lost.kept)
    assert after.prev_hash in said


def test_id_of_a_dropped_call_is_explained_by_both_lists(lost: Lost) -> None:
    auditor = lost.visitor("auditor")
    assert (
        "Its retention was over"
        in auditor.get(lost.path(f"calls/?request_id={lost.dropped}")).content.decode()
    )
    answer = auditor.get(lost.path(f"audit/?id={lost.dropped}"), follow=True)
    assert answer.redirect_chain[-1][0] == lost.path(f"audit/events/{lost.dropped}/")
    assert answer.status_code == 404
    assert "This event was dropped" in answer.content.decode()


@pytest.mark.parametrize("path", ["calls/", "audit/"])
def test_lists_say_which_months_lost_something(lost: Lost, path: str) -> None:
    auditor = lost.visitor("auditor")
    assert (
        f"{LEAF.month:%B %Y}: 1 event that was kept for 30 days"
        in auditor.get(lost.path(path)).content.decode()
    )
    assert "kept for 30 days" not in auditor.get(lost.path(f"{path}?last=7d")).content.decode()


def test_whoever_may_not_read_calls_is_told_nothing_of_a_dropped_one(lost: Lost) -> None:
    services.save_role(
        organization_id=lost.feed.id, name="bare", rights=["organization.read", "ledger.read"], actor="test"
    )
    bare = lost.visitor("bare")
    for path in (
        f"calls/{lost.dropped}/",
        f"calls/?request_id={lost.dropped}",
        f"audit/events/{lost.dropped}/",
    ):
        assert "dropped" not in bare.get(lost.path(path)).content.decode()


def test_another_organizations_dropped_call_is_no_call(lost: Lost) -> None:
    other = Lost(Feed(services.create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test")), "", "")
    answer = other.visitor("owner").get(other.path(f"calls/{lost.dropped}/"))
    assert answer.status_code == 404
    assert "There is no such call" in answer.content.decode()
