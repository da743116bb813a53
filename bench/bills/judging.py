"""What was found against what was planted. Nothing is taken from the run's own words on itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING, Any, Protocol

from bench.bills.planned import MILLION, Plan
from orbit.demo.bills.planting import Planted, Told

if TYPE_CHECKING:  # Django must be set up before its models are loaded
    from billing.reconcile.sides import DayOutcome

PRICE_SLACK = (
    5_000  # nano-units: calls of a day, each rounded up, and lines of a report, each to its last place
)
COUNTED_AS = ("fresh", "cached", "write_short", "write_long", "output")


@dataclass
class Score:
    """Of one cause: planted, found, and what was found although it was not planted. Money in nano-units."""

    planted: int = 0
    found: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false) if self.found + self.false else 1.0


@dataclass
class Result:
    plan: Plan
    seed: int
    scores: dict[str, Score] = field(default_factory=dict)
    drift_nano: int = 0
    planted_nano: int = 0
    found_nano: int = 0  # of what was planted, what was found with its money
    explained_nano: int = 0
    unexplained_nano: int = 0
    rounding_nano: int = 0
    token_drift: int = 0
    false_adjustments: int = 0
    adjustments: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def note_false(self, row: Proposed, some: Sequence[dict[str, Any]]) -> None:
        self.false_adjustments += len(some)
        self.wrong += [f"false adjustment of {row.cause} {row.day} {row.model} {one}" for one in some]


class Proposed(Protocol):
    """An exception with what would be posted for it."""

    @property
    def cause(self) -> str: ...
    @property
    def day(self) -> date: ...
    @property
    def model(self) -> str: ...
    @property
    def adjustments(self) -> list[dict[str, Any]]: ...


def judged(plan: Plan, told: Told, outcomes: Iterable[DayOutcome], proposals: Iterable[Proposed]) -> Result:
    result = Result(plan, told.seed)
    pools: dict[tuple[str, Any, str], list[Planted]] = {}
    for one in told.planted:
        result.scores.setdefault(one.cause, Score()).planted += 1
        result.planted_nano += abs(one.money_nano)
        pools.setdefault((one.cause, one.day, _plain(one.model)), []).append(one)
    for outcome in outcomes:
        result.drift_nano += abs(outcome.drift_nano)
        result.token_drift += (outcome.theirs - outcome.ours).size
        for part in outcome.parts:
            _count(result, pools, outcome.model, part)
    result.wrong += [f"missed {one}" for pool in pools.values() for one in pool]
    _judge_adjustments(result, told, proposals)
    return result


def _plain(model: str) -> str:
    return model.rsplit("/", 1)[-1]


def _count(result: Result, pools: dict[tuple[str, Any, str], list[Planted]], model: str, part: Any) -> None:
    cause = str(part.cause)
    if cause == "rounding":
        result.rounding_nano += abs(part.money_nano)
        return
    if cause == "unexplained":
        result.unexplained_nano += abs(part.money_nano)
    else:
        result.explained_nano += abs(part.money_nano)
    if cause == "time_boundary" and part.counts.is_surplus:
        return  # the other half of one that is counted already
    pool = pools.get((cause, part.day, model), [])
    matched = _with_its_money(part.money_nano, _matched(cause, part, pool))
    score = result.scores.setdefault(cause, Score())
    score.found += len(matched)
    if not matched:
        score.false += 1
        result.wrong.append(
            f"false {cause} {part.day} {model} {part.counts.as_json()} {part.money_nano} {part.note}"
        )
    for one in matched:
        pool.remove(one)
        result.found_nano += abs(one.money_nano)


def _with_its_money(nano: int, some: list[Planted]) -> list[Planted]:
    """None of them where they would make another difference in money. Each call, and each line of a bill, is rounded."""
    slack = PRICE_SLACK if any(one.cause == "price" for one in some) else len(some) + 1
    return some if abs(sum(one.money_nano for one in some) - nano) <= slack else []


def _matched(cause: str, part: Any, pool: list[Planted]) -> list[Planted]:
    """To the last token. Where calls of nobody's came together, their sum."""
    if cause == "price":
        return pool[:1]
    if cause in ("outside", "missing_here"):
        sizes = [len(pool)] if cause == "outside" else range(1, len(pool) + 1)
        for size in sizes:
            for some in combinations(pool, size):
                if (
                    some
                    and tuple(map(sum, zip(*(one.counts for one in some), strict=True))) == part.counts.values
                ):
                    return list(some)
        return []
    ids = {str(call.event_id) for call in part.calls}
    found = [one for one in pool if one.event_id in ids and one.counts == part.counts.values][:1]
    if not found and cause == "late":  # of a day that is not final, which nobody looks into
        return _together(part, pool, {one.event_id for one in pool})
    return found or (_together(part, pool, ids) if cause in ("estimate", "cache_split") else [])


def _together(part: Any, pool: list[Planted], ids: set[str]) -> list[Planted]:
    some = [one for one in pool if one.event_id in ids]
    whole = tuple(map(sum, zip(*(one.counts for one in some), strict=True))) if some else ()
    return some if whole == part.counts.values else []


def _judge_adjustments(result: Result, told: Told, proposals: Iterable[Proposed]) -> None:
    """One is false that would post a difference to an event, or for a cause, that nothing was planted of."""
    planted = {(one.cause, one.event_id): one for one in told.planted if one.event_id}
    places: dict[tuple[str, Any, str], list[list[Planted]]] = {}
    for one in told.planted:
        sets = places.setdefault((one.cause, one.day, _plain(one.model)), [])
        sets += [[*some, one] for some in [[], *sets]]
    for row in proposals:
        result.adjustments += len(row.adjustments)
        there = places.get((row.cause, row.day, row.model), [])
        if row.cause == "price":  # shared among keys
            whole = sum(one["cost_nano"] for one in row.adjustments)
            right = any(_with_its_money(whole, some) for some in there)
            result.note_false(row, [] if right else row.adjustments)
            continue
        for made in row.adjustments:
            named = planted.get((row.cause, made["corrects"])) if "corrects" in made else None
            sets = ([[named]] if named else []) if "corrects" in made else there
            right = any(
                _adds_up(some, made["tokens"]) and _with_its_money(made["cost_nano"], some) for some in sets
            )
            result.note_false(row, [] if right else [made])


def _adds_up(some: Sequence[Planted], tokens: dict[str, int]) -> bool:
    """Whether an adjustment's tokens, of which zeros are left out, are those of these calls together."""
    whole = [sum(column) for column in zip(*(one.counts for one in some), strict=True)]
    return dict(zip(COUNTED_AS, whole, strict=True)) == dict.fromkeys(COUNTED_AS, 0) | tokens


def summed(results: Sequence[Result]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for result in results:
        for cause, one in result.scores.items():
            held = found.setdefault(cause, Score())
            held.planted += one.planted
            held.found += one.found
            held.false += one.false
    return found


def table(results: Sequence[Result]) -> str:
    lines = [
        "| cause | planted | found | false | recall | precision |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cause, one in sorted(summed(results).items()):
        lines.append(
            f"| `{cause}` | {one.planted} | {one.found} | {one.false} | {one.recall:.1%} | {one.precision:.1%} |"
        )
    return "\n".join(lines)


def words(results: Sequence[Result]) -> str:
    calls = sum(result.plan.calls for result in results)
    money = sum(result.explained_nano + result.unexplained_nano for result in results)
    unexplained = sum(result.unexplained_nano for result in results)
    planted, found = (
        sum(getattr(result, name) for result in results) for name in ("planted_nano", "found_nano")
    )
    return (
        f"{len(results)} trials, {calls:,} clean calls, {sum(result.adjustments for result in results)} adjustments proposed, "
        f"{sum(result.false_adjustments for result in results)} of them false; of {planted / MILLION:.4f} USD planted "
        f"{found / MILLION:.4f} found as planted; of {money / MILLION:.4f} USD of differences "
        f"{unexplained / MILLION:.4f} unexplained; {sum(result.seconds for result in results):.0f} s; seeds "
        f"{', '.join(str(result.seed) for result in results)}"
    )
