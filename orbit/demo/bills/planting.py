"""A history as both sides tell it: calls for a ledger, the same calls as a provider counts them, and planted differences.

Drawn from a seed. Knows nothing of how differences are looked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7

from .scenario import PARTS, Counted, Scenario

DAY = 86_400
OWN_KEY, OTHER_KEY, SCOPE = "key_gateway", "key_somebody", "proj_one"
KINDS = (
    "missing_here", "missing_there", "duplicate", "time_boundary", "cache_split", "estimate", "price", "outside", "late",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Model:
    """`asked` is how calls name it, `counted` how reports do. Prices are billionths for a million tokens, by part."""

    asked: str
    counted: str
    prices: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Whose:
    """Of whom the ledger's calls are. `keys`: project id, project, key id, key."""

    organization_id: UUID
    organization: str
    account_id: UUID
    account: str
    keys: Sequence[tuple[UUID, str, UUID, str]]


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted difference, theirs less ours. `event_id`: of the call it happened to, where the ledger has it.

    `money_nano` is what it makes of the bill: at the book's price, or as charged for keys whose costs are told apart; for a
    changed price what that makes of all that is charged to us.
    """

    cause: str
    day: date
    model: str
    counts: tuple[int, ...] = (0,) * len(PARTS)
    event_id: str = ""
    other_day: date | None = None
    money_nano: int = 0


@dataclass
class Told:
    """`events` as `audit.ledger.write_past` takes them."""

    events: list[dict[str, Any]] = field(default_factory=list)
    scenario: Scenario = field(default_factory=lambda: Scenario(""))
    planted: list[Planted] = field(default_factory=list)
    seed: int = 0


@dataclass
class _Drawn:
    """A call of which nobody has heard yet."""

    event_id: str
    at: float
    took: float
    model: Model
    counts: tuple[int, ...]
    key: int
    retried: bool = False
    estimated: tuple[int, ...] | None = None  # what the ledger has in place of the counts
    here: bool = True
    there: int = 1
    counted_at: float | None = None
    counted: tuple[int, ...] | None = None
    twin_of: str = ""  # the call of whose answer this is a second entry


class History:
    """`days` whole days (UTC) up to `until`, of which the last is not final yet."""

    def __init__(
        self,
        seed: int,
        whose: Whose,
        models: Sequence[Model],
        *,
        days: int,
        until: date,
        split_writes: bool,
        costs_by_key: bool = True,
        by_call: bool = False,
    ) -> None:
        self.random = random.Random(seed)
        self.whose, self.models, self.days, self.until = whose, models, days, until
        self.split_writes, self.costs_by_key = split_writes, costs_by_key
        self.by_call = by_call  # whether the provider tells single calls
        self.start = int(datetime(until.year, until.month, until.day, tzinfo=UTC).timestamp()) - days * DAY
        self.at_end = self.random.random() < 0.5  # whether the provider counts when a call ends
        self.calls: list[_Drawn] = []
        self.told = Told(seed=seed)
        self.others: list[Counted] = []
        self.outside: dict[int, Counted] = {}  # by place among what was planted
        self.outsiders: tuple[str | None, ...] = (OTHER_KEY, None, OWN_KEY)  # the last in a batch
        self.used: set[str] = set()
        self.writes = 0.15
        self.apart_s = 0
        self.taken: list[tuple[str, float]] = []

    def keep_apart(self) -> None:
        """No two differences of one model within minutes of each other: what shares a minute may look like something else."""
        self.apart_s = 300

    def _is_free(self, call: _Drawn) -> bool:
        return not self.apart_s or all(
            name != call.model.asked or abs(at - call.at) >= self.apart_s for name, at in self.taken
        )

    def plain(self) -> None:
        """Calls without writes to a cache and no batches, for a provider whose report knows none."""
        self.writes, self.outsiders = 0.0, (OTHER_KEY, None)

    def draw(self, number: int, *, around_the_clock: bool = False) -> None:
        """Clean calls. None is so close to midnight that it could count for another day, unless they come around the clock.

        Then they begin a little before the first day, and some are under way at each midnight.
        """
        for _ in range(number):
            at = (
                self.start + self.random.uniform(-600, self.days * DAY)
                if around_the_clock
                else self.start + self.random.randrange(self.days) * DAY + self.random.uniform(600, DAY - 900)
            )
            self.calls.append(self._call(at))

    def _call(self, at: float, model: Model | None = None) -> _Drawn:
        draw = self.random
        fresh, cached, written = draw.randrange(20, 6_000), 0, (0, 0)
        if draw.random() < 0.3:
            cached = draw.randrange(1_024, 20_000)
        if draw.random() < self.writes:
            written = (
                draw.randrange(1_024, 9_000),
                draw.randrange(1_024, 4_000) if self.split_writes and draw.random() < 0.3 else 0,
            )
        counts = (fresh, cached, *written, draw.randrange(1, 2_500))
        took = min(240.0, draw.lognormvariate(1.0, 1.0))
        model = model or draw.choices(self.models, weights=range(len(self.models), 0, -1))[0]
        call = _Drawn(
            str(uuid7(int(at * 1000))), at, took, model, counts, draw.randrange(len(self.whose.keys))
        )
        call.retried = draw.random() < 0.02
        return call

    # Each of these plants one difference, on a day and model where these are given.

    def plant(self, kind: str, day: int | None = None, model: Model | None = None) -> None:
        plants: dict[str, Callable[[int, Model | None], None]] = {
            "missing_here": self._missing_here,
            "missing_there": self._missing_there,
            "duplicate": self._duplicate,
            "time_boundary": self._time_boundary,
            "cache_split": self._cache_split,
            "estimate": self._estimate,
            "price": self._price,
            "outside": self._outside,
            "late": self._late,
        }
        final = self.days - 1
        plants[kind](self.random.randrange(final) if day is None else day, model)

    def _missing_here(self, day: int, model: Model | None) -> None:
        call = self._call(self._moment(day), model)
        while not self._is_free(call):
            call = self._call(self._moment(day), model)
        call.here = False
        self.calls.append(call)
        self._planted("missing_here", call, call.counts, of_event=False)

    def _missing_there(self, day: int, model: Model | None) -> None:
        call = self._some(day, model)
        call.there = 0
        self._planted("missing_there", call, _minus(call.counts))

    def _late(self, day: int, model: Model | None) -> None:
        call = self._some(self.days - 1, model)
        call.there = 0
        self._planted("late", call, _minus(call.counts))

    def _duplicate(self, day: int, model: Model | None) -> None:
        """Mostly there is a retry in evidence. By calls, there may also be two entries of ours of one answer."""
        call = self._some(day, model)
        if self.by_call and self.random.random() < 0.2:
            self._second_entry(call)
            return
        # what leaves no trace with us looks like any call that we lack, on the same day
        mostly = 1.0 if self.by_call and self.apart_s else 0.8
        call.there, call.retried = 2, self.random.random() < mostly
        self._planted("duplicate", call, call.counts)

    def _second_entry(self, call: _Drawn) -> None:
        at = call.at + self.random.uniform(1, 30)
        twin = replace(call, event_id=str(uuid7(int(at * 1000))), at=at, there=0, twin_of=call.event_id)
        self.calls.append(twin)
        self._planted("duplicate", twin, _minus(twin.counts))

    def _time_boundary(self, day: int, model: Model | None) -> None:
        """Begun before midnight, counted behind it."""
        day = min(day, self.days - 3)
        midnight = self.start + (day + 1) * DAY
        call = self._call(midnight - self.random.uniform(2, 50), model)
        call.took = midnight - call.at + self.random.uniform(1, 30)
        call.counted_at = midnight + self.random.uniform(1, 55)
        self.calls.append(call)
        self._planted("time_boundary", call, _minus(call.counts), other=1)

    def _cache_split(self, day: int, model: Model | None) -> None:
        call = self._some(day, model, lambda one: one.counts[0] > 200)
        moved = self.random.randrange(100, call.counts[0])
        difference = (-moved, moved, 0, 0, 0)
        call.counted = _sum(call.counts, difference)
        self._planted("cache_split", call, difference)

    def _estimate(self, day: int, model: Model | None) -> None:
        """Our count of a call whose end never came: off by up to a third."""
        call = self._some(day, model, lambda one: one.counts[4] > 30)
        guessed = tuple(
            round(value * self.random.uniform(0.7, 1.4)) for value in (call.counts[0], call.counts[4])
        )
        call.estimated = (guessed[0] + 1, *call.counts[1:4], guessed[1] + 1)
        self._planted("estimate", call, _sum(call.counts, _minus(call.estimated)))

    def _price(self, day: int, model: Model | None) -> None:
        model = model or self.random.choice(self.models)
        part = self.random.choice(("fresh", "output"))
        when = datetime.fromtimestamp(self.start + day * DAY, UTC).date()
        name = f"{when}/{model.counted}/{part}"
        if name in self.told.scenario.repriced:
            return
        self.told.scenario.repriced[name] = round(model.prices[part] * self.random.uniform(1.03, 1.5))
        if not any(
            (one.cause, one.day, one.model) == ("price", when, model.asked) for one in self.told.planted
        ):
            self.told.planted.append(Planted("price", when, model.asked))

    def _outside(self, day: int, model: Model | None) -> None:
        call = self._call(self._moment(day), model)
        key = self.random.choice(self.outsiders)
        counted = replace(self._counted(call, call.counts, call.at, key), batch=key == OWN_KEY)
        self.others.append(counted)
        self.outside[len(self.told.planted)] = counted
        self._planted("outside", call, call.counts, of_event=False)

    def _moment(self, day: int) -> float:
        return self.start + day * DAY + self.random.uniform(600, DAY - 900)

    def _some(
        self, day: int, model: Model | None, fits: Callable[[_Drawn], bool] = lambda one: True
    ) -> _Drawn:
        """A clean call that nothing happened to yet; a new one where there is none."""
        first = self.start + day * DAY
        free = [
            one
            for one in self.calls
            if first <= one.at < first + DAY - 900
            and one.event_id not in self.used
            and one.model in (model, one.model if model is None else model)
            and one.here
            and fits(one)
            and self._is_free(one)
        ]
        if not free:
            call = self._call(self._moment(day), model)
            while not (fits(call) and self._is_free(call)):
                call = self._call(self._moment(day), model)
            self.calls.append(call)
            free = [call]
        call = self.random.choice(free)
        self.used.add(call.event_id)
        return call

    def _planted(
        self, cause: str, call: _Drawn, counts: Sequence[int], *, of_event: bool = True, other: int = 0
    ) -> None:
        self.used.add(call.event_id)
        self.taken.append((call.model.asked, call.at))
        day = datetime.fromtimestamp(call.at, UTC).date()
        money = worth(call.model, counts)
        if cause in ("missing_there", "late", "duplicate", "time_boundary"):
            money = cost(call.model, call.counts) * (1 if sum(counts) > 0 else -1)
        made = Planted(
            cause, day, call.model.asked, tuple(counts), call.event_id if of_event else "", money_nano=money
        )
        self.told.planted.append(replace(made, other_day=day + timedelta(days=other) if other else None))

    def events(self) -> Iterator[dict[str, Any]]:
        """Our telling of it, in order."""
        for call in sorted(self.calls, key=lambda one: one.at):
            if call.here:
                yield self._event(call)

    def finish(self, secret: str, now: int, *, keep_events: bool = True, call_secret: str = "") -> Told:
        """Both tellings of it; ours only with `events()` where there are too many to keep."""
        scenario = self.told.scenario
        scenario.secret, scenario.now, scenario.call_secret = secret, now, call_secret
        scenario.prices = {model.counted: dict(model.prices) for model in self.models}
        self.told.events = list(self.events()) if keep_events else []
        for call in sorted(self.calls, key=lambda one: one.at):
            scenario.calls += self._there(call)
        scenario.calls += self.others
        scenario.calls.sort(key=lambda one: one.at)
        self._value()
        return self.told

    def _value(self) -> None:
        """What is known of money only when all prices are."""
        named = {model.asked: model for model in self.models}
        for at, one in enumerate(self.told.planted):
            if one.cause == "price":
                money = self._repriced(one.day, named[one.model])
            elif at in self.outside:
                money = self._charged(one.day, named[one.model], self.outside[at])
            else:
                continue
            self.told.planted[at] = replace(one, money_nano=money)

    def _repriced(self, day: date, model: Model) -> int:
        scenario, total = self.told.scenario, 0
        for call in scenario.calls:
            ours = call.key == OWN_KEY or not self.costs_by_key
            if ours and call.model == model.counted and datetime.fromtimestamp(call.at, UTC).date() == day:
                for part in PARTS:
                    more = scenario.price(call.day, model.counted, part) - model.prices[part]
                    total += call.of(part) * more * (1 if call.batch else 2)
        return round(Fraction(total, 2_000_000))

    def _charged(self, day: date, model: Model, call: Counted) -> int:
        """By the book where its key's costs are not told apart from others."""
        if call.batch or not self.costs_by_key:
            return round(Fraction(worth(model, [call.of(part) for part in PARTS]), 2 if call.batch else 1))
        scenario = self.told.scenario
        dollars = sum((scenario.cost([call], call.day, model.counted, part)[0] for part in PARTS), Decimal(0))
        return round(dollars * 10**9)

    def _there(self, call: _Drawn) -> list[Counted]:
        at = call.counted_at or (
            call.at + call.took if self.at_end else call.at + self.random.uniform(0, 0.5)
        )
        made = []
        for number in range(call.there):
            moment = at + number * self.random.uniform(0, 20)
            counted = self._counted(call, call.counted or call.counts, moment, OWN_KEY)
            made.append(replace(counted, name=self._name(call, tries=number)))
        return made

    def _name(self, call: _Drawn, tries: int = 0) -> str:
        """Of the answer, or of a try that was given up."""
        if not self.by_call:
            return ""
        return f"gen-{call.twin_of or call.event_id}" + (f"-{tries}" if tries else "")

    def _counted(self, call: _Drawn, counts: Sequence[int], at: float, key: str | None) -> Counted:
        fresh, cached, short, longer, output = counts
        return Counted(int(at), call.model.counted, fresh, cached, short, longer, output, key, SCOPE)

    def _event(self, call: _Drawn) -> dict[str, Any]:
        counts = call.estimated or call.counts
        fresh, cached, short, longer, output = counts
        project_id, project, key_id, key = self.whose.keys[call.key]
        attempts = [
            {
                "account": self.whose.account,
                "model": call.model.asked,
                "http_status": 200,
                "upstream_request_id": self._name(call) or f"req_{call.event_id}",
                "duration_ms": 500,
            }
        ]
        if call.retried:
            attempts.insert(
                0,
                {
                    "account": self.whose.account,
                    "model": call.model.asked,
                    "error": "broke off",
                    "duration_ms": 900,
                    **({"upstream_request_id": self._name(call, 1)} if self.by_call else {}),
                },
            )
        detail: dict[str, Any] = {"attempts": attempts}
        if longer:
            detail["cache_write_1h_tokens"] = longer
        return {
            "v": 1,
            "event_id": call.event_id,
            "request_id": call.event_id,
            "kind": "call",
            "organization_id": str(self.whose.organization_id),
            "organization": self.whose.organization,
            "project_id": str(project_id),
            "project": project,
            "key_id": str(key_id),
            "key": key,
            "account_id": str(self.whose.account_id),
            "account": self.whose.account,
            "surface": "openai",
            "endpoint": "chat/completions",
            "model": call.model.asked,
            "upstream_model": call.model.asked,
            "status": "client_gone" if call.estimated else "settled",
            "usage_source": "estimated" if call.estimated else "provider",
            "input_tokens": fresh + cached + short + longer,
            "cached_input_tokens": cached,
            "cache_write_tokens": short + longer,
            "output_tokens": output,
            "cost_nano": cost(call.model, counts),
            "currency": "USD",
            "admitted_at": rfc3339(datetime.fromtimestamp(call.at, UTC)),
            "settled_at": rfc3339(datetime.fromtimestamp(call.at + call.took, UTC)),
            "duration_ms": round(call.took * 1000),
            "detail": detail,
        }


def cost(model: Model, counts: Sequence[int]) -> int:
    """As the ledger has it: rounded up once a call."""
    return -(-sum(count * model.prices[part] for part, count in zip(PARTS, counts, strict=True)) // 1_000_000)


def worth(model: Model, counts: Sequence[int]) -> int:
    """At the book's price."""
    return round(
        Fraction(
            sum(count * model.prices[part] for part, count in zip(PARTS, counts, strict=True)), 1_000_000
        )
    )


def _minus(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(-one for one in counts)


def _sum(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))
