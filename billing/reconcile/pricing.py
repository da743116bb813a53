"""A day's difference in money, told apart by cause to the last nano-unit. Pure.

What is expected there is what our ledger would say had it the provider's tokens: our own costs and those of the parts. What the
provider charged beyond that is a matter of its prices, of rounding, or of nothing that we know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.reconcile.connectors.base import WHOLE
from billing.reconcile.counts import PARTS, ZERO, Counts, UnitPrices
from billing.reconcile.sides import Cause, CostLine, Part
from orbit.lib.money import NANO

BY_CALLS = (Cause.MISSING_THERE, Cause.DUPLICATE, Cause.TIME_BOUNDARY)
SAME = Fraction(1, 10_000)  # by which an implied price may differ and be the book's


@dataclass(frozen=True, slots=True)
class Charged:
    """What the provider charged for one model on one day. `outside_nano`: of other keys, where it tells them apart.

    `theirs` are all tokens that the lines are for, `batch` those of them that were of batches: outside, and cheaper. None for
    `lines`: the report has nothing for that day. `told` is False where it tells no money at all, `of_model` where none is named.
    """

    lines: Sequence[CostLine] | None
    theirs: Counts
    outside_nano: int | None = None
    places: int = 9  # of the report's amounts
    batch: Counts = ZERO
    told: bool = True
    of_model: bool = True

    @property
    def slack(self) -> int:
        return resolution(self.places)

    @property
    def own_nano(self) -> Fraction:
        return sum((_nano(line.amount) for line in self.lines or ()), Fraction(0))


@dataclass(frozen=True, slots=True)
class Priced:
    parts: tuple[Part, ...]
    theirs_nano: int
    implied: Mapping[str, str] = field(
        default_factory=dict
    )  # kind of token: its price there, and the book's, for a million


def priced(
    day: date,
    parts: Iterable[Part],
    ours_nano: int,
    calls: int,
    charged: Charged,
    book: UnitPrices | None,
    *,
    final: bool,
) -> Priced:
    """`parts` with their money, and those that are about money alone."""
    made = [replace(part, money_nano=_worth(part, charged, book)) for part in parts]
    if not charged.told:
        return Priced(tuple(made), ours_nano + sum(part.money_nano for part in made))
    made = _with_batch(made, ours_nano, charged, book)
    theirs = round(charged.own_nano) + (charged.outside_nano or 0)
    rest = theirs - ours_nano - sum(part.money_nano for part in made)
    if charged.lines is None:
        return Priced((*made, *_nothing_charged(day, rest, calls, final)), theirs)
    more, implied = _told_apart(day, rest, calls, charged, book, final)
    return Priced((*made, *more), theirs, implied)


def _worth(part: Part, charged: Charged, book: UnitPrices | None) -> int:
    if part.cause is Cause.OUTSIDE:
        alone = round(book.exactly(part.counts - charged.batch)) if book is not None else 0
        return alone if charged.outside_nano is None else charged.outside_nano
    if part.calls and (part.cause in BY_CALLS or part.cause is Cause.LATE) and _whole_calls(part):
        costs = sum(call.cost_nano or 0 for call in part.calls)
        return costs if part.counts.is_surplus else -costs
    return round(book.exactly(part.counts)) if book is not None else 0


def _with_batch(parts: list[Part], ours_nano: int, charged: Charged, book: UnitPrices | None) -> list[Part]:
    """Costs do not tell batches apart from calls of the same key, so what they cost is among ours."""
    if not charged.batch or book is None:
        return parts
    if book.batch is not None:
        worth = round(book.batch.exactly(charged.batch))
    else:  # what is left of the lines, at most what calls would have cost
        rest = (
            charged.own_nano
            + (charged.outside_nano or 0)
            - ours_nano
            - sum(part.money_nano for part in parts)
        )
        worth = round(min(max(rest, Fraction(0)), book.exactly(charged.batch)))
    return [
        replace(part, money_nano=part.money_nano + worth) if part.cause is Cause.OUTSIDE else part
        for part in parts
    ]


def _whole_calls(part: Part) -> bool:
    """An earlier try that was charged too need not have had the tokens of the one that was answered."""
    whole = sum((call.counts for call in part.calls), Counts())
    return part.counts in (whole, -whole)


def _nothing_charged(day: date, rest: int, calls: int, final: bool) -> list[Part]:
    if not rest:
        return []
    if abs(rest) <= calls:
        return [Part(Cause.ROUNDING, day, money_nano=rest)]
    if not final and rest < 0:
        return [Part(Cause.LATE, day, note="no costs yet", money_nano=rest)]
    return [
        Part(Cause.UNEXPLAINED, day, note="the costs have nothing for this day and model", money_nano=rest)
    ]


def _told_apart(
    day: date, rest: int, calls: int, charged: Charged, book: UnitPrices | None, final: bool
) -> tuple[list[Part], dict[str, str]]:
    lines = charged.lines or ()
    bound = calls + charged.slack * len(lines) + len(PARTS)
    implied, differing = _implied(charged, book)
    if abs(rest) <= bound:
        return ([Part(Cause.ROUNDING, day, money_nano=rest)] if rest else []), implied
    if not charged.of_model:
        return [
            Part(Cause.UNEXPLAINED, day, note="the report does not say of which model", money_nano=rest)
        ], {}
    made: list[Part] = []
    for line in lines:
        if not line.part and line.amount:
            worth = round(_nano(line.amount))
            made.append(
                Part(
                    Cause.UNEXPLAINED,
                    day,
                    note=f"a line without tokens: {line.label}"[:200],
                    money_nano=worth,
                )
            )
    rest -= sum(part.money_nano for part in made)
    quantity = _other_quantity(lines, charged.theirs, book)
    if quantity and abs(quantity) <= abs(rest) + bound and (quantity < 0) == (rest < 0):
        cause = Cause.LATE if not final and quantity < 0 else Cause.UNEXPLAINED
        made.append(
            Part(
                cause,
                day,
                note="the costs are for another count of tokens than the usage",
                money_nano=quantity,
            )
        )
        rest -= quantity
    if abs(rest) <= bound:
        return [*made, *([Part(Cause.ROUNDING, day, money_nano=rest)] if rest else [])], implied
    if differing or book is None:
        note = (
            "; ".join(f"{name}: {words}" for name, words in implied.items()) or "the price book has no price"
        )
        return [*made, Part(Cause.PRICE, day, note=note[:500], money_nano=rest)], implied
    if not final and rest < 0:
        return [*made, Part(Cause.LATE, day, note="costs that are not all there", money_nano=rest)], implied
    return [*made, Part(Cause.UNEXPLAINED, day, money_nano=rest)], implied


def _implied(charged: Charged, book: UnitPrices | None) -> tuple[dict[str, str], bool]:
    """Prices that the lines imply and the book does not have, in words, for a million tokens."""
    lines, theirs = charged.lines or (), charged.theirs
    if book is None or (charged.batch and book.batch is None):
        return {}, False
    if lines and all(line.part == WHOLE for line in lines):
        wanted = book.exactly(theirs) - _less(charged, book)
        amount = sum((_nano(line.amount) for line in lines), Fraction(0))
        if wanted and abs(amount / wanted - 1) > SAME:
            return {"all": f"{float(amount / wanted):.4f} of the book's"}, True
        return {}, False
    found: dict[str, str] = {}
    for name, (amount, quantity, slack) in _components(lines, theirs, charged.slack).items():
        asked = Fraction(quantity * book.of(name), 1_000_000) - _less(charged, book, name)
        if quantity and abs(amount - asked) > max(asked * SAME, Fraction(slack)):
            there, here = amount / quantity * 1_000_000, book.of(name)
            found[name] = f"{float(there) / NANO:.6g} instead of {here / NANO:.6g}"
    return found, bool(found)


def _less(charged: Charged, book: UnitPrices, *names: str) -> Fraction:
    """By how much batches are cheaper than calls, of these kinds of token or all."""
    if book.batch is None:
        return Fraction(0)
    counts = dict(zip(PARTS, charged.batch.values, strict=True))
    return sum(
        (
            Fraction(counts[name] * (book.of(name) - book.batch.of(name)), 1_000_000)
            for name in names or PARTS
        ),
        Fraction(0),
    )


def _components(
    lines: Sequence[CostLine], theirs: Counts, slack: int
) -> dict[str, tuple[Fraction, int, int]]:
    """Of each kind of token: what was charged, for how many, and by how much that may be rounded."""
    made: dict[str, tuple[Fraction, int, int]] = {}
    for name in PARTS:
        some = [line for line in lines if line.part == name]
        if some:
            known = [line.quantity for line in some if line.quantity is not None]
            quantity = sum(known) if len(known) == len(some) else getattr(theirs, name)
            made[name] = (
                sum((_nano(line.amount) for line in some), Fraction(0)),
                quantity,
                slack * len(some),
            )
    return made


def _other_quantity(lines: Sequence[CostLine], theirs: Counts, book: UnitPrices | None) -> int:
    """What is charged for more tokens, or fewer, than the usage has, at the book's price."""
    if book is None or not lines or any(line.quantity is None for line in lines if line.part):
        return 0
    more = {
        name: sum(line.quantity or 0 for line in lines if line.part == name) - getattr(theirs, name)
        for name in PARTS
    }
    return round(book.exactly(Counts(**more)))


def _nano(amount: Decimal) -> Fraction:
    return Fraction(amount) * NANO


def places_of(amounts: Iterable[Decimal]) -> int:
    """Decimal places that a report has, judged by all of its amounts: zeros at the end of one say nothing."""
    exponents = [one.normalize().as_tuple().exponent for one in amounts if one]
    return max((-one for one in exponents if isinstance(one, int) and one < 0), default=0)


def resolution(places: int) -> int:
    """Nano-units by which a line may be rounded: half of its last place, at least one."""
    half: int = NANO // 10**places // 2
    return max(1, half)
