"""GET …/events/ID/proof: what proves one event; and the keys that checkpoints are signed with."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from audit import proof
from audit.checkpoints import keys, signer
from audit.models import Event
from audit.standalone.verify_ledger import SIGNED, canonical, leaf_of, root_by_path, verify_plainly
from orbit.lib import access
from tests.audit.conftest import Feed, feed
from tests.audit.tampering import another, calls, rewrite, superuser
from tests.management import client_of

__all__ = ["feed"]

BOTH = ("ledger.read", "calls.read")


def ask(feed: Feed, event_id: object, *scopes: str) -> Any:
    path = f"/api/v1/organizations/{feed.organization.slug}/events/{event_id}/proof"
    return client_of(feed.id, scopes or BOTH).get(path)


@pytest.fixture
def fed(feed: Feed) -> Feed:
    """An act and three calls that are signed, then one that is not."""
    calls(feed, 3)
    signer.sign()
    calls(feed, 1)
    return feed


def test_event_is_shown_with_neighbours_and_the_checkpoint_that_covers_it(fed: Feed) -> None:
    events = fed.exported()
    found = ask(fed, events[1]["event_id"]).json()
    assert (found["seq"], found["hash"], found["computed"]) == (2, events[1]["hash"], events[1]["hash"])
    assert found["holds"] is True
    assert [found[one]["hash"] for one in ("before", "after")] == [events[0]["hash"], events[2]["hash"]]
    assert [step["holds"] for step in found["steps"]] == [True] * 6
    covering = found["checkpoint"]
    assert (covering["head"]["seq"], covering["head"]["hash"]) == (4, events[3]["hash"])
    # All that is needed to verify it oneself is there.
    body, head, way = covering["body"], covering["head"], covering["proof"]
    root = root_by_path(leaf_of(head), way["index"], body["organizations"], way["path"])
    assert root.hex() == body["root"]
    signature = bytes.fromhex(covering["signature"])
    public = bytes.fromhex(keys.public_of(keys.load()))
    assert verify_plainly(public, SIGNED + canonical(body), signature)


def test_first_and_last_event_lack_a_neighbour(fed: Feed) -> None:
    events = fed.exported()
    first, last = (ask(fed, events[at]["event_id"]).json() for at in (0, 4))
    assert (first["before"], first["holds"]) == (None, True)
    assert (last["after"], last["checkpoint"], last["holds"]) == (None, None, True)


def test_what_was_changed_since_it_was_signed_does_not_hold(fed: Feed) -> None:
    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows[1]["cost_nano"] = 1
        return rows

    rewrite(fed, edit)
    found = ask(fed, fed.exported()[0]["event_id"]).json()
    failing = [step["what"] for step in found["steps"] if step["holds"] is False]
    assert found["holds"] is False
    assert len(failing) == 1
    assert "the last has the signed hash" in failing[0]
    with superuser() as connection:
        connection.execute(
            "UPDATE audit_event SET cost_nano = 2 WHERE seq = 2 AND organization_id = %s", [fed.id]
        )
    found = ask(fed, fed.exported()[1]["event_id"]).json()
    assert found["steps"][0] == {"what": "its content has its hash", "holds": False}
    assert found["computed"] != found["hash"]


def test_many_events_on_the_way_are_not_gone_over(fed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MOST_WALKED", 1)
    found = ask(fed, fed.exported()[0]["event_id"]).json()
    assert [step["holds"] for step in found["steps"]].count(None) == 1
    assert found["holds"] is True


def test_it_takes_the_ledgers_scope_and_tells_nothing_of_the_call(fed: Feed) -> None:
    event = fed.exported()[1]
    answer = ask(fed, event["event_id"], "ledger.read")
    assert answer.status_code == 200
    for name in ("model", "key", "project", "status"):
        assert f'"{event[name]}"' not in answer.content.decode()
    assert ask(fed, event["event_id"], "calls.read").status_code == 403


def test_what_there_is_not_and_what_is_anothers_get_the_same_answer(fed: Feed, feed: Feed) -> None:
    other = another()
    event_id = other.exported()[0]["event_id"]
    for one in (event_id, uuid4()):
        assert ask(fed, one).status_code == 404
    path = f"/api/v1/organizations/{other.organization.slug}/events/{event_id}/proof"
    assert client_of(fed.id, BOTH).get(path).status_code == 404
    assert Client().get(path).status_code == 401
    with access.scope(organization_id=other.id):
        assert Event.objects.filter(pk=event_id).exists()


def test_public_keys_are_told_to_any_valid_credential(fed: Feed) -> None:
    found = client_of(fed.id, ["usage.read"]).get("/api/v1/audit/public-keys").json()["data"]
    public = keys.public_of(keys.load())
    assert public in [one["key"] for one in found]
    assert keys.pem(public) in [one["pem"] for one in found]
    assert Client().get("/api/v1/audit/public-keys").status_code == 401
