"""Which calls a run asks the provider for, in which order, and when it stops. Without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from billing.reconcile import lookups, reports
from billing.reconcile.connectors.base import Api, CallRow
from billing.reconcile.counts import Counts
from billing.reconcile.lookups import Lookups
from billing.reconcile.sides import Call

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)


class Provider:
    """Knows every call, and notes in which order it was asked."""

    base_url = "https://example.com"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.by: list[Api] = []

    def headers(self, secret: str) -> list[tuple[str, str]]:
        return []

    def names(self, name: str) -> bool:
        return name.startswith("gen-")

    def call(self, api: Api, name: str, at: datetime) -> CallRow:
        self.asked.append(name)
        self.by.append(api)
        return CallRow(name, at, found=True, counts=Counts(1))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[CallRow]:
    found: list[CallRow] = []
    monkeypatch.setattr(reports, "keep_calls", lambda run, rows: found.extend(rows))
    return found


def call(name: str, at: datetime = AT) -> Call:
    return Call(uuid4(), at, at, Counts(1), 1, upstream_id=name)


def work(provider: Provider, known: Sequence[CallRow] = (), **more: Any) -> Lookups:
    rows = {row.name: row for row in known}
    return Lookups(Mock(), provider, Mock, rows, lambda seconds: None, **more)


def test_names_without_a_record_leave_their_room_to_those_never_asked_for(kept: list[CallRow]) -> None:
    gone = [call(f"gen-gone-{number}") for number in range(20)]
    fresh = [call(f"gen-{number}", AT + DAY) for number in range(20)]
    known = [CallRow(one.upstream_id or "", one.at, found=False) for one in gone]
    provider = Provider()
    first = work(provider, [*known, replace(known[0], name="gen-known", found=True)], room=20)
    first.look_up([gone, fresh])
    assert provider.asked == [one.upstream_id for one in fresh]
    assert first.counts() == {"lookups": 20, "lookups_left": 20}
    second = work(provider, list(first.known.values()), room=20)
    second.look_up([gone, fresh])
    assert provider.asked[20:] == [one.upstream_id for one in gone]
    assert second.counts() == {"lookups": 20, "lookups_left": 0}


def test_one_patience_is_for_all_lookups_of_a_run(kept: list[CallRow]) -> None:
    provider = Provider()
    work(provider, room=1_000).look_up([[call(f"gen-{number}") for number in range(250)]])
    assert len(provider.asked) == len(kept) == 250
    assert len({id(api) for api in provider.by}) == 1


def test_lookups_stop_when_their_time_is_over_and_keep_what_they_have(kept: list[CallRow]) -> None:
    provider, now = Provider(), iter(range(0, 10**6, 100))
    made = work(provider, room=1_000, clock=lambda: float(next(now)))
    made.look_up([[call(f"gen-{number}") for number in range(250)]])
    assert 0 < len(provider.asked) < lookups.MOST_S / 100
    assert [row.name for row in kept] == provider.asked
    assert made.counts() == {
        "lookups": len(kept),
        "lookups_left": 250 - len(kept),
        "lookups_stopped": "time is over",
    }
