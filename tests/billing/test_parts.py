"""Whatever differs, and however: the parts of a day are its whole difference, and nothing is made up. Without a database."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.reconcile.classify import Span, classify
from billing.reconcile.compare import compare
from billing.reconcile.connectors.base import CostRow, UsageRow, midnight
from billing.reconcile.connectors.registry import FACTS
from billing.reconcile.counts import Counts, UnitPrices
from billing.reconcile.ledger_side import DayOfOurs
from billing.reconcile.outcomes import Bill, Whose, outcomes, uneven
from billing.reconcile.pricing import Charged, places_of, priced
from billing.reconcile.sides import Call, Cause, Cell, CostLine, Part

DAY = date(2026, 11, 3)
BOOK = UnitPrices(1_000_000_000, 500_000_000, 1_250_000_000, 2_000_000_000, 4_000_000_000)
MINUTE = timedelta(minutes=1)


def call(at: datetime, counts: Counts, **more: object) -> Call:
    return Call(uuid4(), at, at + timedelta(seconds=4), counts, -(-BOOK.exactly(counts) // 1), **more)  # type: ignore[arg-type]


def drawn(draw: random.Random) -> Counts:
    return Counts(
        draw.randrange(1, 5000), draw.choice((0, draw.randrange(5000))), 0, 0, draw.randrange(1, 900)
    )


def noise(draw: random.Random) -> Counts:
    return Counts(*(draw.randrange(-50, 50) for _ in range(5)))


def test_parts_of_any_two_sides_are_the_whole_difference() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(40):
        start = midnight(DAY)
        calls = [call(start + timedelta(minutes=draw.randrange(2880)), drawn(draw)) for _ in range(30)]
        cells = []
        for one in calls:
            if draw.random() < 0.9:
                counts = one.counts + noise(draw) if draw.random() < 0.3 else one.counts
                cells.append(Cell(one.at.replace(second=0), MINUTE, counts, draw.choice((1, 1, 1, 2))))
        span = Span(start, start + timedelta(days=2), lambda day: draw.random() < 0.5)
        parts = classify(compare(calls, cells, since=span.since, until=span.until), span)
        for day in (DAY, DAY + timedelta(days=1)):
            ours = sum((one.counts for one in calls if one.day == day), Counts())
            theirs = sum((one.counts for one in cells if one.start.date() == day), Counts())
            assert sum((part.counts for part in parts if part.day == day), Counts()) == theirs - ours


def charged(lines: list[CostLine] | None, theirs: Counts) -> Charged:
    return Charged(lines, theirs, None, 9)


def line(part: str, nano: int, quantity: int | None = None) -> CostLine:
    return CostLine(part or "a subscription", part, Decimal(nano) / 1_000_000_000, quantity)


def causes(parts: tuple[Part, ...]) -> dict[str, int]:
    return {str(part.cause): part.money_nano for part in parts}


TOKENS = Counts(fresh=1_000_000, output=100_000)
OURS = 1_400_000_000


@pytest.mark.parametrize(
    ("lines", "final", "expected"),
    [
        ([line("fresh", 1_000_000_000), line("output", 400_000_000)], True, {}),
        ([line("fresh", 1_000_000_000), line("output", 399_999_998)], True, {"rounding": -2}),
        ([line("fresh", 1_100_000_000), line("output", 400_000_000)], True, {"price": 100_000_000}),
        (
            [line("fresh", 1_000_000_000), line("output", 400_000_000), line("", 5_000_000)],
            True,
            {"unexplained": 5_000_000},
        ),
        (
            [line("fresh", 900_000_000, 900_000), line("output", 400_000_000, 100_000)],
            False,
            {"late": -100_000_000},
        ),
        (
            [line("fresh", 900_000_000, 900_000), line("output", 400_000_000, 100_000)],
            True,
            {"unexplained": -100_000_000},
        ),
        (None, False, {"late": -OURS}),
        (None, True, {"unexplained": -OURS}),
    ],
)
def test_money_is_told_apart_by_cause(
    lines: list[CostLine] | None, final: bool, expected: dict[str, int]
) -> None:
    found = priced(DAY, [], OURS, 10, charged(lines, TOKENS), BOOK, final=final)
    assert causes(found.parts) == expected
    assert found.theirs_nano - OURS == sum(expected.values())
    if "price" in expected:
        assert found.implied == {"fresh": "1.1 instead of 1"}


def test_a_report_rounded_to_cents_differs_by_rounding_alone() -> None:
    assert places_of([Decimal("1.40"), Decimal("0.25")]) == 2
    cents = Charged([line("whole", 1_400_000_000 - 4_000_000)], TOKENS, None, 2)
    assert causes(priced(DAY, [], OURS, 10, cents, BOOK, final=True).parts) == {"rounding": -4_000_000}


def test_what_is_missing_on_a_day_that_is_not_final_is_late() -> None:
    moment = midnight(DAY) + timedelta(hours=3)
    calls = [call(moment + timedelta(minutes=number), Counts(100 + number, output=7)) for number in range(30)]
    span = Span(midnight(DAY), midnight(DAY) + timedelta(days=1), lambda day: False)
    parts = classify(compare(calls, [], since=span.since, until=span.until), span)
    assert {part.cause for part in parts} == {Cause.LATE}
    assert sum((part.counts for part in parts), Counts()) == -sum((one.counts for one in calls), Counts())


def test_a_day_of_which_the_provider_has_nothing_yet_is_looked_at_call_by_call() -> None:
    """Thousands of calls, each with its answer's name: what takes a time with the cube of them never ends."""
    start = midnight(DAY)
    calls = [
        call(
            start + timedelta(seconds=20 * number),
            Counts(100 + number, output=7),
            upstream_id=f"req_{number}",
        )
        for number in range(4_000)
    ]
    calls[1] = replace(calls[1], upstream_id="req_0")
    span = Span(start, start + timedelta(days=1), lambda day: True, open_end=False)
    parts = classify(compare(calls, [], since=span.since, until=span.until), span)
    by_cause = Counter(part.cause for part in parts)
    assert by_cause == {Cause.MISSING_THERE: 3_998, Cause.DUPLICATE: 2}


def test_how_exact_amounts_are_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def places(some: Iterable[Decimal]) -> int:
        asked.append(len(list(some)))
        return 9

    monkeypatch.setattr("billing.reconcile.outcomes.places_of", places)
    costs = [CostRow(DAY, f"m{number}", "m", "fresh", Decimal(1), key="") for number in range(20)]
    bill = Bill(FACTS["openai"], DAY, DAY + timedelta(days=1), [], costs, Whose(frozenset(), frozenset()))
    assert len(outcomes(bill, {}, set(), lambda *_: [], [], lambda *_: BOOK, lambda day: True)) == 20
    assert asked == [20]


def test_a_key_of_nobodys_and_a_model_that_was_never_called_are_outside() -> None:
    def usage(model: str, key: str, apart: str = "") -> UsageRow:
        return UsageRow(midnight(DAY), timedelta(days=1), model, Counts(fresh=10), 1, key, apart=apart)

    rows = [
        usage("gpt-4o-2024-08-06", "ours"),
        usage("gpt-4o-2024-08-06", "theirs"),
        usage("gpt-4o-2024-08-06", "ours", "batch"),
    ]
    rows.append(usage("o9-preview", "ours"))
    costs = [
        CostRow(DAY, "gpt-4o", "gpt-4o, input", "fresh", Decimal("0.00001"), key=key)
        for key in ("ours", "theirs")
    ]
    bill = Bill(
        FACTS["openai"],
        DAY,
        DAY + timedelta(days=1),
        rows,
        costs,
        Whose(frozenset({"ours"}), frozenset({"gpt-4o"})),
    )
    ours = {(DAY, "gpt-4o"): DayOfOurs(Counts(fresh=10), 10_000, 1, 0, frozenset({"gpt-4o"}))}
    assert uneven(bill, ours) == set()
    found = outcomes(bill, ours, set(), lambda *_: [], [], lambda *_: BOOK, lambda day: True)
    outside = {
        one.model: sum(part.counts.fresh for part in one.parts if part.cause is Cause.OUTSIDE)
        for one in found
    }
    assert outside == {"gpt-4o": 20, "o9-preview": 10}
    notes = {part.note for one in found for part in one.parts if part.cause is Cause.OUTSIDE}
    assert any("theirs" in note and "batch" in note for note in notes)


@pytest.mark.parametrize("batch", [True, False], ids=["the book has batches", "it has none"])
def test_what_a_batch_under_our_key_cost_is_outside_too(batch: bool) -> None:
    """Costs do not tell it apart from calls of the same key."""
    half = UnitPrices(500_000_000, 250_000_000, 625_000_000, 1_000_000_000, 2_000_000_000)
    book = replace(BOOK, batch=half if batch else None)
    rows = [
        UsageRow(midnight(DAY), timedelta(days=1), "gpt-4o", Counts(fresh=1_000), 1, "ours"),
        UsageRow(
            midnight(DAY), timedelta(days=1), "gpt-4o", Counts(fresh=600, output=40), 1, "ours", apart="batch"
        ),
    ]
    lines = {"fresh": ("0.0013", 1_600), "output": ("0.00008", 40)}
    costs = [
        CostRow(DAY, "gpt-4o", f"gpt-4o, {name}", name, Decimal(amount), quantity=tokens, key="ours")
        for name, (amount, tokens) in lines.items()
    ]
    whose = Whose(frozenset({"ours"}), frozenset({"gpt-4o"}))
    bill = Bill(FACTS["openai"], DAY, DAY + timedelta(days=1), rows, costs, whose)
    ours = {(DAY, "gpt-4o"): DayOfOurs(Counts(fresh=1_000), 1_000_000, 1, 0, frozenset({"gpt-4o"}))}
    (found,) = outcomes(bill, ours, set(), lambda *_: [], [], lambda *_: book, lambda day: True)
    assert causes(found.parts) == {"outside": 300_000 + 80_000}
    assert found.implied == {}


def test_a_finer_report_that_has_nothing_takes_no_calls_back() -> None:
    rows = [UsageRow(midnight(DAY), timedelta(days=1), "gpt-4o", Counts(fresh=10), 1, "ours")]
    bill = Bill(
        FACTS["openai"], DAY, DAY + timedelta(days=1), rows, [], Whose(frozenset(), frozenset({"gpt-4o"}))
    )
    some = [call(midnight(DAY) + timedelta(hours=hour), Counts(fresh=hour)) for hour in (10, 11)]
    ours = {(DAY, "gpt-4o"): DayOfOurs(Counts(fresh=21), 21_000, 2, 0, frozenset({"gpt-4o"}))}
    (found,) = outcomes(bill, ours, {(DAY, "gpt-4o")}, lambda *_: some, [], lambda *_: BOOK, lambda day: True)
    assert {(part.cause, part.note) for part in found.parts if part.counts} == {
        (Cause.UNEXPLAINED, "the finer report says another count than the one of the day")
    }


def test_a_call_that_ended_behind_midnight_is_moved_and_not_missing() -> None:
    at = datetime(2026, 11, 3, 23, 59, 50, tzinfo=UTC)
    one = Call(uuid4(), at, at + timedelta(seconds=20), Counts(fresh=100, output=9), 1_000)
    cells = [Cell(datetime(2026, 11, 4, tzinfo=UTC), MINUTE, one.counts, 1)]
    span = Span(midnight(DAY), midnight(DAY) + timedelta(days=2), lambda day: True)
    parts = classify(compare([one], cells, since=span.since, until=span.until), span)
    assert [
        (part.cause, part.day.day, part.counts.fresh) for part in sorted(parts, key=lambda part: part.day)
    ] == [
        (Cause.TIME_BOUNDARY, 3, -100),
        (Cause.TIME_BOUNDARY, 4, 100),
    ]
