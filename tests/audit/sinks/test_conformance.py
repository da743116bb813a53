"""One suite for every kind of sink, each against another process: nothing missing, order kept, nobody else delayed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from audit.sinks import lag, progress, reading
from audit.sinks.lag import Lag
from audit.sinks.models import SinkDeadLetter
from audit.sinks.registry import KINDS
from orbit.launcher.state import PROJECT
from orbit.lib import access
from tests.audit.sinks.conftest import Feeds
from tests.audit.sinks.harness import FAST, FAULTS, Harness, eventually, process, pumping
from tests.audit.sinks.harnesses import HARNESSES, LinesHarness, WebhookHarness


def playing(fault: str, quick: str = "") -> Any:
    """Every kind that the fault can happen to; all but the `quick` one in `make test-full` only."""
    return _kinds(quick, cannot=fault)


def _kinds(quick: str, cannot: str = "") -> Any:
    kinds = [kind for kind, made in sorted(HARNESSES.items()) if cannot not in made.cannot]
    assert not quick or quick in kinds
    slower = {kind: [] if kind == quick else [pytest.mark.full] for kind in kinds}
    return pytest.mark.parametrize(
        "harness", [pytest.param(kind, marks=slower[kind]) for kind in kinds], indirect=True
    )


def calls_of(harness: Harness) -> list[dict[str, Any]]:
    return [event for event in harness.received() if event["kind"] == "call"]


def check(
    harness: Harness, feeds: Feeds, *, without: frozenset[str] = frozenset(), in_order: bool = True
) -> int:
    """All that was sent is there, once it is told apart by its id, and in order. Returns how many came twice."""
    seen: dict[str, dict[str, Any]] = {}
    calls = calls_of(harness)
    for event in calls:
        assert seen.setdefault(event["event_id"], event) == event
    assert set(feeds.ids) - without - set(seen) == set()
    assert set(seen) <= set(feeds.ids)
    for slug in feeds.slugs if in_order else ():
        at_first_sight = [event["seq"] for event in seen.values() if event["organization"] == slug]
        assert at_first_sight == sorted(at_first_sight)
    assert harness.faults() == ""
    return len(calls) - len(seen)


def arrived(harness: Harness, feeds: Feeds, *, without: int = 0) -> Callable[[], bool]:
    return lambda: len({event["event_id"] for event in calls_of(harness)}) >= len(feeds.sent) - without


def lag_of(name: str) -> Lag:
    return next(one for one in lag.lags() if one.name == name)


def caught_up(name: str) -> Callable[[], bool]:
    return lambda: lag_of(name).events == 0


def test_every_kind_has_a_harness_that_plays_every_fault_or_says_why_not() -> None:
    assert set(HARNESSES) == set(KINDS)
    for kind, made in HARNESSES.items():
        assert made.kind == kind
        assert set(made.cannot) < set(FAULTS)
        assert all(made.cannot.values())


def test_every_fault_is_in_this_suite() -> None:
    assert set(re.findall(r'^@playing\("(\w+)"', Path(__file__).read_text(), re.MULTILINE)) == set(FAULTS)


def test_the_documentation_has_the_kinds_of_the_suite_and_no_others() -> None:
    text = (PROJECT / "docs/sinks.md").read_text()
    assert set(re.findall(r"^ *-? ?kind: (\w+)", text, re.MULTILINE)) == set(HARNESSES)
    assert set(re.findall(r"^## `(\w+)`", text, re.MULTILINE)) == set(HARNESSES)


def test_everything_arrives_in_order_and_is_counted(harness: Harness, feeds: Feeds) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        for _ in range(3):
            feeds.send(45)
        eventually(arrived(harness, feeds), "all arrived")
        eventually(caught_up(entry["name"]), "the cursor is at the end")
    assert check(harness, feeds) == 0
    found = lag_of(entry["name"])
    assert (found.sent, found.dead_letters, found.missing, found.last_error) == (135, 0, 0, "")


@_kinds("lines")
def test_what_was_acknowledged_but_not_written_down_comes_again(
    harness: Harness, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = progress.settled
    lost: list[int] = []

    def settled(*given: Any, **more: Any) -> None:
        if more["sent"] and len(lost) < 2:
            lost.append(more["sent"])
            raise DatabaseError("the server went away")
        real(*given, **more)

    monkeypatch.setattr(progress, "settled", settled)
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        feeds.send(60)
        eventually(caught_up(entry["name"]), "the cursor is at the end")
    assert check(harness, feeds) == sum(lost) > 0


@playing("ack_lost", "forward")
def test_what_it_took_without_a_word_comes_again_under_the_same_ids(harness: Harness, feeds: Feeds) -> None:
    harness.mode("ack_lost")
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        feeds.send(60)
        eventually(caught_up(entry["name"]), "the cursor is at the end")
    assert check(harness, feeds) > 0


@playing("refused", "webhook")
def test_what_happens_while_it_is_down_arrives_when_it_is_up(harness: Harness, feeds: Feeds) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    harness.down()
    with pumping((harness, entry)):
        feeds.send(90)
        eventually(lambda: lag_of(entry["name"]).failures > 2, "it was tried more than once")
        failing = lag_of(entry["name"])
        harness.up()
        eventually(caught_up(entry["name"]), "it caught up")
    assert (failing.state, failing.events > 0, failing.seconds > 0) == ("failing", True, True)
    assert failing.last_error
    assert failing.failing_since is not None
    assert lag_of(entry["name"]).failing_since is None
    check(harness, feeds)


@playing("blackholed", "google")
def test_what_happens_while_nothing_answers_arrives_when_something_does(
    harness: Harness, feeds: Feeds
) -> None:
    entry = harness.entry(organizations=feeds.slugs) | {"timeout_s": 0.3}
    with pumping((harness, entry)):
        feeds.send(30)
        eventually(caught_up(entry["name"]), "the first ones arrived")
        harness.suspend()
        feeds.send(60)
        eventually(lambda: lag_of(entry["name"]).failures > 1, "it was tried more than once")
        assert "in time" in lag_of(entry["name"]).last_error
        harness.resume()
        eventually(caught_up(entry["name"]), "it caught up")
    check(harness, feeds)


@playing("slow", "otlp")
def test_a_slow_sink_delays_nobody_else_and_holds_no_more_than_a_batch(
    harness: Harness, feeds: Feeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, real = [], reading.stretch

    def stretch(shard: int, after: int, until: int, most: int) -> reading.Stretch:
        found = real(shard, after, until, most)
        held.append(len(found.rows))
        return found

    monkeypatch.setattr(reading, "stretch", stretch)
    (tmp_path / "other").mkdir()
    other = LinesHarness(tmp_path / "other")
    other.up()
    harness.mode("slow")
    slow, quick = harness.entry(organizations=feeds.slugs), other.entry(organizations=feeds.slugs)
    with pumping((harness, slow), (other, quick)):
        feeds.send(240)
        eventually(caught_up(quick["name"]), "the other one is done")
        behind = lag_of(slow["name"])
        harness.mode("ok")
        eventually(caught_up(slow["name"]), "the slow one is done")
    check(other, feeds)
    check(harness, feeds)
    assert behind.events > 0
    assert max(held) == FAST["batch"]["events"]


@playing("throttled", "webhook")
def test_a_sink_that_says_too_many_gets_it_later(harness: Harness, feeds: Feeds) -> None:
    harness.mode("throttled")
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        feeds.send(60)
        eventually(caught_up(entry["name"]), "it caught up")
    assert check(harness, feeds) == 0
    assert lag_of(entry["name"]).dead_letters == 0


@playing("flapping", "otlp")
def test_a_sink_that_fails_every_other_time_gets_everything(harness: Harness, feeds: Feeds) -> None:
    harness.mode("flapping")
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        feeds.send(120)
        eventually(caught_up(entry["name"]), "it caught up")
    check(harness, feeds)
    assert lag_of(entry["name"]).dead_letters == 0


@playing("poison", "kafka")
def test_what_it_will_never_take_goes_to_its_dead_letters_and_the_rest_arrives(
    harness: Harness, feeds: Feeds
) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)) as ids:
        feeds.send(25)
        poison = frozenset(event["event_id"] for event in feeds.send(1, model="poison"))
        feeds.send(25)
        eventually(caught_up(entry["name"]), "it went on")
        with access.operator():
            letters = list(SinkDeadLetter.objects.filter(sink_id=ids[entry["name"]]))
    assert {str(letter.event_id) for letter in letters} == poison
    assert all(letter.reason for letter in letters)
    assert poison & {event["event_id"] for event in calls_of(harness)} == set()
    check(harness, feeds, without=poison)


@playing("poison", "forward")
def test_one_that_it_will_never_take_is_found_though_nothing_comes_after_it(
    harness: Harness, feeds: Feeds
) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        feeds.send(3)
        eventually(caught_up(entry["name"]), "the first were taken")
        (poison,) = feeds.send(1, model="poison")
        eventually(lambda: lag_of(entry["name"]).dead_letters == 1, "it was found")
        eventually(lambda: lag_of(entry["name"]).state == "running", "the sink is well")
    check(harness, feeds, without=frozenset([poison["event_id"]]))


@playing("wrong_certificate", "kafka")
def test_a_sink_with_another_certificate_is_sent_nothing_until_it_has_its_own(
    harness: Harness, feeds: Feeds
) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    harness.swap_certificate(good=False)
    with pumping((harness, entry)):
        feeds.send(30)
        eventually(lambda: "certificate" in lag_of(entry["name"]).last_error, "it says why")
        assert harness.received() == []
        harness.swap_certificate(good=True)
        eventually(caught_up(entry["name"]), "it caught up")
    check(harness, feeds)


@pytest.mark.full
@playing("restarted")
def test_order_is_kept_across_restarts(harness: Harness, feeds: Feeds) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    with pumping((harness, entry)):
        for _ in range(3):
            feeds.send(60)
            harness.down()
            feeds.send(15)
            harness.up()
        eventually(caught_up(entry["name"]), "it caught up")
    check(harness, feeds)


@pytest.mark.full
def test_killed_in_the_middle_of_batches_nothing_is_lost(
    harness: Harness, feeds: Feeds, tmp_path: Path
) -> None:
    """The process that feeds the sink is killed again and again while it is at it."""
    if "slow" not in harness.cannot:
        harness.mode("slow")
    entry = harness.entry(organizations=feeds.slugs, **{"from": "beginning"}) | {
        "batch": {"events": 7, "seconds": 0.01}
    }
    feeds.send(150)
    interrupted = 0
    for _ in range(3):
        before = len(harness.received())
        with process(tmp_path, harness, entry):
            eventually(lambda: len(harness.received()) > before, "it sends")  # noqa: B023 - called in this turn
        interrupted += len(calls_of(harness)) < len(feeds.sent)
        feeds.send(40)
    assert interrupted
    harness.mode("ok") if "slow" not in harness.cannot else None
    with process(tmp_path, harness, entry):
        eventually(caught_up(entry["name"]), "it caught up")
    check(harness, feeds)


@pytest.mark.full
def test_two_processes_do_not_both_send(feeds: Feeds, tmp_path: Path) -> None:
    harness = WebhookHarness(tmp_path)
    harness.up()
    entry = harness.entry(organizations=feeds.slugs)
    (tmp_path / "second").mkdir()
    try:
        with process(tmp_path, harness, entry), process(tmp_path / "second", harness, entry):
            eventually(lambda: any(one.name == entry["name"] for one in lag.lags()), "it is known")
            for _ in range(10):
                feeds.send(30)
            eventually(caught_up(entry["name"]), "it is done")
        assert check(harness, feeds) == 0
    finally:
        harness.down()
