"""Each invariant fails on books that break it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from audit.models import Event
from faults import checker
from faults.checker import Books, Kept
from faults.clients import Seen
from faults.tenants import Tenant
from orbit.lib.clock import from_us
from quotas.counters import Counter

ORGANIZATION, CALL = UUID(int=1), UUID(int=2)
TENANT = Tenant(ORGANIZATION, 1, "key", frozenset([str(ORGANIZATION)]), {("cost", "month"): 100}, "t")


def event(**more: Any) -> Event:
    fields: dict[str, Any] = {
        "kind": "call",
        "organization_id": ORGANIZATION,
        "request_id": CALL,
        "admitted_at": datetime(2026, 1, 2, tzinfo=UTC),
        "status": "settled",
        "usage_source": "provider",
        "end_user": "t-1",
        "cost_nano": 60,
    }
    return Event(**{**fields, **more})


SERVED = {
    "fields": {"user": "t-1"},
    "work_began": True,
    "prompt_tokens": 1,
    "completion_tokens": 1,
    "cost_nano": 60,
}
KEPT = Kept("c", str(ORGANIZATION), "cost", "month", 1, Counter(60))
GOOD = Books([event()], [SERVED], [KEPT], leases=0, unread=0)
SEEN = [Seen("t-1", status=200, request_id=str(CALL), finished=True)]


def test_good_books_have_nothing_wrong() -> None:
    assert checker.wrongs(GOOD, TENANT, SEEN) == []


@pytest.mark.parametrize(
    ("books", "wrong"),
    [
        (replace(GOOD, served=[{**SERVED, "cost_nano": 101}]), "I1: the provider has 101 cost"),
        (replace(GOOD, kept=[replace(KEPT, counter=Counter(60, 41))]), "I1: cost per month stands at"),
        (replace(GOOD, events=[event(), event(end_user="t-2")]), "I2: request"),
        (replace(GOOD, events=[event(), event(request_id=UUID(int=3))]), "I2: call t-1 has 2"),
        (replace(GOOD, events=[event(status="open")]), "ended as open"),
        (replace(GOOD, kept=[replace(KEPT, counter=Counter(61))]), "I3: cost per month"),
        (replace(GOOD, events=[event(cost_nano=59)]), "was charged 59, the provider made 60"),
        (replace(GOOD, events=[event(status="lease_expired", cost_nano=59)]), "lapsed at 59"),
        (replace(GOOD, kept=[replace(KEPT, counter=Counter(60, 1, 1))]), "I4: cost per month"),
        (replace(GOOD, kept=[replace(KEPT, counter=Counter(60, 0, 1))]), "I4: cost per month"),
        (replace(GOOD, leases=1), "I4: 1 leases"),
        (replace(GOOD, unread=1), "I4: 1 events"),
        (replace(GOOD, events=[], kept=[]), "I5: t-1 reached the provider"),
    ],
)
def test_broken_books_are_found(books: Books, wrong: str) -> None:
    assert any(wrong in one for one in checker.wrongs(books, TENANT, SEEN))


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (Seen("t-9", status=200, request_id="unknown"), "the ledger has no unknown"),
        (Seen("t-1", status=401), "401"),
        (Seen("t-1", status=500, code="internal_error"), "error of our own"),
    ],
)
def test_what_a_client_saw_is_held_against_the_books(seen: Seen, wrong: str) -> None:
    assert any(wrong in one for one in checker.wrongs(GOOD, TENANT, [seen]))


def test_windows_are_compared_each_with_its_own_events() -> None:
    """Two days: the counter of the first does not get what the second charged."""
    day = 86_400_000_000
    first = event(admitted_at=from_us(day + 5), cost_nano=60)
    second = event(admitted_at=from_us(2 * day + 5), cost_nano=7, request_id=UUID(int=4), end_user="t-4")
    kept = [
        replace(KEPT, per="day", since=since, counter=Counter(used))
        for since, used in ((day, 60), (2 * day, 7))
    ]
    books = Books(
        [first, second], [SERVED, {**SERVED, "fields": {"user": "t-4"}, "cost_nano": 7}], kept, 0, 0
    )
    assert checker.wrongs(books, TENANT, []) == []


NOBODY: Any = SimpleNamespace(wait_idle=lambda timeout_s: None, requests=list)
SOMEBODY: Any = SimpleNamespace(shard=1, tag="t", events=list)


def books_read(
    monkeypatch: pytest.MonkeyPatch, moments: list[str], waiting: list[int], **more: Any
) -> tuple[Books, int]:
    """The books where the shard shows these moments and so much that waits, one look after the other; and how often the
    counters were read."""
    counters: list[Kept] = []
    shown, unread = iter(moments), iter(waiting)
    monkeypatch.setattr(checker, "_moment", lambda *_: next(shown))
    monkeypatch.setattr(checker, "_unread", lambda *_: next(unread))

    def read(*_: Any) -> list[Kept]:
        counters.append(KEPT)
        return [KEPT]

    monkeypatch.setattr(checker, "counters", read)
    store: Any = SimpleNamespace(zcard=lambda _: 0)
    return checker.read(store, NOBODY, SOMEBODY, rest_s=60, **more), len(counters)


def test_books_are_read_again_when_something_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert books_read(monkeypatch, ["before", "later", "later", "later"], [0] * 6)[1] == 2


def test_books_are_read_again_when_something_came_before_and_was_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A correction that counters have and the ledger has not yet: trial 36 of `trail`."""
    assert books_read(monkeypatch, ["same"] * 5, [0, 1, 1, 1, 0, 0, 0])[1] == 2


def test_books_are_not_read_before_what_dead_workers_knew_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = iter([False, False, True])
    found, _ = books_read(monkeypatch, ["same"] * 2, [0] * 3, settled=lambda: next(settled))
    assert found.kept == [KEPT]
    assert list(settled) == []


def test_finished_call_is_charged_exactly_by_its_event_and_its_correction() -> None:
    lapsed = event(status="lease_expired", cost_nano=90)
    corrected = event(kind="correction", cost_nano=-30)
    assert list(checker.finished(replace(GOOD, events=[lapsed, corrected]), SEEN)) == []
    (wrong,) = checker.finished(replace(GOOD, events=[lapsed]), SEEN)
    assert "saw it finish, and the ledger has 90 for it, the provider 60" in wrong
    assert list(checker.finished(replace(GOOD, events=[]), [Seen("t-1", status=200)])) == []
