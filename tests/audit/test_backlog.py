"""How far the ledger is behind is known to everybody, and told to operators once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from redis.exceptions import ConnectionError as Away

from audit import backlog, incidents
from audit.backlog import Waiting
from audit.models import DeadLetter, Incident
from audit.streams import stream_key, trimmed_key, written_key
from orbit.lib import access
from orbit.lib.store import client, time_us
from quotas import keys
from tests.audit.conftest import Feed
from tests.console.conftest import make_person


def now_ms(feed: Feed) -> int:
    return time_us(feed.organization.shard) // 1000


def written(feed: Feed) -> int:
    found: Any = client().get(written_key(feed.organization.shard))
    return int(found)


def of(feed: Feed) -> Waiting:
    return next(one for one in backlog.survey() if one.shard == feed.organization.shard)


def test_keys_are_those_that_the_scripts_use() -> None:
    ours = (stream_key(7), written_key(7), trimmed_key(7))
    assert ours == (keys.stream(7), keys.written(7), keys.trimmed(7))


def test_shard_with_nothing_waiting_is_written_up_to_now(feed: Feed) -> None:
    before = now_ms(feed)
    assert (of(feed).any, of(feed).age_s) == (False, 0.0)
    assert written(feed) >= before


def test_age_is_that_of_the_oldest_entry_that_waits(feed: Feed) -> None:
    entry_ms = now_ms(feed)
    feed.send(feed.call())
    feed.send(feed.call())
    assert of(feed).entries
    assert entry_ms - 1 <= written(feed) <= now_ms(feed)
    stays = written(feed)
    of(feed)
    assert written(feed) == stays
    feed.write()
    assert not of(feed).any
    assert written(feed) > stays


def test_act_that_waits_counts_too(feed: Feed) -> None:
    from audit.services import record_act

    with access.scope(organization_id=feed.id):
        record_act(
            organization=feed.organization.slug,
            shard=feed.organization.shard,
            actor="test",
            action="test.do",
            target="x",
        )
    assert of(feed).acts
    feed.write()
    assert not of(feed).acts


@pytest.fixture
def calm() -> Iterator[None]:
    """No incident is open before and after."""
    _end_all()
    yield
    _end_all()


def _end_all() -> None:
    with access.ledger():
        Incident.objects.filter(ended_at=None).update(ended_at="2026-01-01T00:00:00Z")


def found(*some: incidents.Finding) -> Any:
    return lambda *_: list(some)


def waiting(**fields: Any) -> Waiting:
    return Waiting(**{"shard": 3, "entries": True, "age_s": 0.0, "length": 0, "acts": False, **fields})


@pytest.mark.parametrize(
    ("surveyed", "full", "kind"),
    [
        (waiting(age_s=31.0), 0.0, "behind"),
        (waiting(length=1_000_001), 0.0, "length"),
        (waiting(), 0.8, "memory"),
    ],
)
def test_each_mark_is_an_incident_of_its_own(
    surveyed: Waiting, full: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "memory", lambda: full)
    kinds = {one.kind for one in incidents.look([surveyed])}
    assert kinds - {"dead_letters"} == {kind}
    monkeypatch.setattr(backlog, "memory", lambda: 0.79)
    assert {one.kind for one in incidents.look([waiting(age_s=30.0, length=1_000_000)])} <= {"dead_letters"}


def test_dead_letters_that_wait_are_told(feed: Feed) -> None:
    feed.send(feed.call(v=9))
    feed.write()
    assert "dead_letters" in {one.kind for one in incidents.look()}
    with access.operator():
        assert DeadLetter.objects.filter(about=feed.id).exists()


def test_store_that_is_away_is_an_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise Away("gone")

    monkeypatch.setattr(backlog, "survey", away)
    assert [one.kind for one in incidents.look()] == ["store"]


def test_operators_get_one_mail_when_it_begins_and_one_when_it_is_over(
    calm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, support = make_person(is_staff=True, is_superuser=True), make_person(is_staff=True)
    monkeypatch.setattr(incidents, "look", found(incidents.Finding("behind", 40, "40 s")))
    (first,) = incidents.watch()
    monkeypatch.setattr(incidents, "look", found(incidents.Finding("behind", 90, "90 s")))
    (same,) = incidents.watch()
    assert (same.pk, same.worst) == (first.pk, 90)
    monkeypatch.setattr(incidents, "look", found())
    assert incidents.watch() == []
    mine = [one for one in mail.outbox if operator.email in one.to]
    assert [one.subject for one in mine] == [
        "The ledger: oldest event too old",
        "Over: the ledger: oldest event too old",
    ]
    assert "90 s" in str(mine[1].body)
    assert not [one for one in mail.outbox if support.email in one.to]
    with access.operator():
        assert Incident.objects.get(pk=first.pk).ended_at is not None
