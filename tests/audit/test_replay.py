"""A dead letter is given to the ledger again, once, and says how that went."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit import events, replay
from audit.models import DeadLetter, Event
from orbit.lib import access
from tests.audit.conftest import Feed
from tests.console.conftest import make_person, signed_in


def buried(feed: Feed, **fields: Any) -> DeadLetter:
    feed.send(feed.call(**fields))
    feed.write()
    return letter_of(feed)


def letter_of(feed: Feed) -> DeadLetter:
    with access.operator():
        return DeadLetter.objects.get(about=feed.id)


def calls(feed: Feed) -> list[Event]:
    return [row for row in feed.rows() if row.kind == "call"]


def test_letter_is_written_once_what_was_in_its_way_is_gone(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = buried(feed, v=2)
    monkeypatch.setattr(events, "VERSION", 2)
    assert replay.replay(letter.pk, actor="op@example.com") is None
    call, act = feed.rows()[-2:]
    assert (call.kind, call.v) == ("call", 2)
    assert act.detail["action"] == "ledger.replay"
    assert act.detail["actor"] == "op@example.com"
    assert [event["seq"] for event in feed.exported()] == list(range(1, len(feed.rows()) + 1))
    after = letter_of(feed)
    assert after.replayed_at is not None
    assert after.pk not in replay.waiting()


def test_second_replay_changes_nothing(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = buried(feed, v=2)
    monkeypatch.setattr(events, "VERSION", 2)
    replay.replay(letter.pk, actor="a")
    before = len(feed.rows())
    assert replay.replay(letter.pk, actor="a") is None
    assert len(feed.rows()) == before


@pytest.mark.parametrize(
    ("fields", "reason"), [({"v": 2}, "newer"), ({"kind": "nonsense"}, "IntegrityError")]
)
def test_letter_that_fails_again_stays_with_the_new_reason(
    feed: Feed, fields: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = buried(feed, **fields)
    monkeypatch.setattr(events, "VERSION", 1)
    refused = replay.replay(letter.pk, actor="a")
    assert refused is not None
    assert reason in refused
    after = letter_of(feed)
    assert (after.tries, after.replayed_at, after.reason) == (1, None, refused)
    assert after.pk in replay.waiting()
    assert calls(feed) == []


def test_event_that_arrived_meanwhile_is_not_written_twice(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = feed.call(v=2)
    feed.send(event)
    feed.write()
    letter = letter_of(feed)
    feed.send({**event, "v": 1})
    feed.write()
    monkeypatch.setattr(events, "VERSION", 2)
    assert replay.replay(letter.pk, actor="a") is None
    assert len(calls(feed)) == 1


def test_command_lists_shows_and_replays(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = buried(feed, v=2)
    call_command("ledger", "dead-letters")
    assert f"{letter.pk}  " in capsys.readouterr().out
    call_command("ledger", "dead-letters", "--payload", str(letter.pk))
    assert feed.organization.slug in capsys.readouterr().out
    with pytest.raises(CommandError, match="1 could still not be written"):
        call_command("ledger", "dead-letters", "--replay", str(letter.pk))
    monkeypatch.setattr(events, "VERSION", 2)
    call_command("ledger", "dead-letters", "--replay", str(letter.pk))
    assert "1 written" in capsys.readouterr().out
    call_command("ledger", "dead-letters", "--json")
    assert str(feed.id) not in capsys.readouterr().out
    with pytest.raises(CommandError, match="--replay"):
        call_command("ledger", "dead-letters", "--replay", "999999999")


def test_operators_replay_in_the_admin_and_support_does_not(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = buried(feed, v=2)
    listed = reverse("admin:audit_deadletter_changelist")
    form = {"action": "replay", "_selected_action": [str(letter.pk)]}
    support, operator = make_person(is_staff=True), make_person(is_staff=True)
    support.groups.add(Group.objects.get(name="support"))
    operator.groups.add(Group.objects.get(name="operator"))
    monkeypatch.setattr(events, "VERSION", 2)
    signed_in(support).post(listed, form)
    assert letter_of(feed).replayed_at is None
    page = signed_in(operator).post(listed, form, follow=True).content.decode()
    assert "1 written to the ledger." in page
    assert feed.rows()[-1].detail["actor"] == operator.email
    assert LogEntry.objects.get(object_id=str(letter.pk), user=operator).get_change_message() == "replayed"
