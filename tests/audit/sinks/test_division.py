"""What a sink will never take is found, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from audit.sinks.base import BrokeOff, Item, Refused, Sink, Unavailable
from audit.sinks.division import TRIES, Division
from tests.audit.sinks.items import item


class Picky(Sink):
    """Refuses, or hangs up on, batches with one of these sequences."""

    def __init__(self, bad: set[int], error: type[Exception] = Refused) -> None:
        self.bad, self.error = bad, error
        self.taken: list[int] = []
        self.asked = 0

    def send(self, items: Sequence[Item]) -> dict[UUID, str]:
        self.asked += 1
        if self.bad & {one.shard_seq for one in items}:
            raise self.error("no")
        self.taken += [one.shard_seq for one in items]
        return {}


def items(count: int) -> list[Item]:
    return [item(seq=number) for number in range(count)]


@pytest.mark.parametrize("bad", [{0}, {63}, {31, 32}, {0, 20, 40, 63}, set()])
def test_exactly_the_bad_ones_are_refused_and_the_rest_keeps_its_order(bad: set[int]) -> None:
    sink = Picky(bad)
    refused = Division(sink, 25).deliver(items(64))
    assert {one.shard_seq for one, _ in refused} == bad
    assert sink.taken == [number for number in range(64) if number not in bad]
    assert sink.asked <= 1 + len(bad) * 2 * 6


def test_a_sink_that_refuses_everything_buries_nothing() -> None:
    with pytest.raises(Unavailable, match="25 events in a row"):
        Division(Picky(set(range(200))), 25).deliver(items(200))


def test_without_that_brake_everything_is_refused() -> None:
    assert len(Division(Picky(set(range(60))), 0).deliver(items(60))) == 60


def test_what_a_sink_names_itself_is_refused_without_asking_again() -> None:
    class Telling(Picky):
        def send(self, items: Sequence[Item]) -> dict[UUID, str]:
            self.asked += 1
            return {one.event_id: "too long" for one in items if one.shard_seq in self.bad}

    sink = Telling({3, 5})
    assert [(one.shard_seq, why) for one, why in Division(sink, 25).deliver(items(8))] == [
        (3, "too long"),
        (5, "too long"),
    ]
    assert sink.asked == 1


def test_hanging_up_is_no_refusal_unless_it_is_suspected() -> None:
    with pytest.raises(BrokeOff):
        Division(Picky({3}, BrokeOff), 25).deliver(items(8))
    sink = Picky({3}, BrokeOff)
    assert [one.shard_seq for one, _ in Division(sink, 25, suspects=True).deliver(items(8))] == [3]
    assert sorted(sink.taken) == [0, 1, 2, 4, 5, 6, 7]


@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_sink_that_hangs_up_on_everything_buries_nothing(count: int) -> None:
    sink = Picky(set(range(count)), BrokeOff)
    with pytest.raises(BrokeOff, match="whatever"):
        Division(sink, 25, suspects=True).deliver(items(count))
    assert sink.asked <= 2 * TRIES + 8


@pytest.mark.parametrize("count", [1, 3])
def test_one_that_comes_alone_is_held_against_what_was_taken_before(count: int) -> None:
    sink, before = Picky({0}, BrokeOff), item(seq=99)
    refused = Division(sink, 25, suspects=True, witness=before).deliver(items(count))
    assert [one.shard_seq for one, _ in refused] == [0]
    assert sink.taken == [99] if count == 1 else [1, 2]


def test_a_sink_that_hangs_up_on_what_it_took_before_buries_nothing() -> None:
    with pytest.raises(BrokeOff):
        Division(Picky({0, 99}, BrokeOff), 25, suspects=True, witness=item(seq=99)).deliver(items(1))


def test_being_unavailable_ends_it_at_once() -> None:
    sink = Picky({3}, Unavailable)
    with pytest.raises(Unavailable):
        Division(sink, 25, suspects=True).deliver(items(8))
    assert sink.asked == 1
