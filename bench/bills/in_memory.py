"""A trial without a database: the pretend reports by the connectors, and what a run makes of them. A hundred take a minute."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

from bench.bills.judging import Result, judged
from bench.bills.planned import ADMIN_KEY, CALL_KEY, LAG_DAYS, Plan, history, models
from billing.reconcile import outcomes
from billing.reconcile.connectors.base import CallRow, Connector, UsageRow, midnight
from billing.reconcile.connectors.registry import BY_CALL, CONNECTORS
from billing.reconcile.counts import Counts, UnitPrices
from billing.reconcile.ledger_side import DayOfOurs
from billing.reconcile.models_named import canonical
from billing.reconcile.outcomes import Bill, Key
from billing.reconcile.proposals import Share
from billing.reconcile.records import names_of
from billing.reconcile.sides import Call, DayOutcome
from billing.reconcile.wanted import Wanted, wanted_of
from orbit.demo.bills.buckets import NotFound
from orbit.demo.bills.planting import OWN_KEY, Model, Told, Whose
from orbit.demo.bills.scenario import PARTS, Scenario
from orbit.demo.bills.server import REPORTS
from orbit.lib.clock import parse

UNTIL = date(2026, 3, 1)  # any day: prices hold for ever, and the pretend provider takes its time from here


@dataclass(frozen=True, slots=True)
class InProcess:
    """The pretend provider's answers as they would come by HTTP, numbers exact."""

    scenario: Scenario
    prefix: str

    def get(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        report = REPORTS[self.prefix + urlsplit(path).path]
        answer = json.dumps(report(self.scenario, parse_qs(urlencode(query))))
        found: dict[str, Any] = json.loads(answer, parse_float=Decimal)
        return found

    def find(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
        try:
            return self.get(path, query)
        except NotFound:
            return None


@dataclass(frozen=True, slots=True)
class Row:
    """An exception as far as it is judged."""

    cause: str
    day: date
    model: str
    adjustments: list[dict[str, Any]]


def trial(plan: Plan, seed: int) -> Result:
    begun = time.monotonic()
    told = _told(plan, seed)
    found = _outcomes(plan, told)
    rows = [
        _row(one)
        for one in wanted_of(plan.provider, {}, found, lambda outcome: [Share(None, None, outcome.model, 1)])
    ]
    result = judged(plan, told, found, rows)
    result.seconds = time.monotonic() - begun
    return result


def _told(plan: Plan, seed: int) -> Told:
    whose = Whose(
        uuid4(), "bench", uuid4(), "main", [(uuid4(), "project", uuid4(), "main") for _ in range(3)]
    )
    now = midnight(UNTIL + timedelta(days=LAG_DAYS[plan.provider] - 1)) + timedelta(hours=12)
    return history(plan, seed, whose, UNTIL).finish(ADMIN_KEY, int(now.timestamp()), call_secret=CALL_KEY)


def _outcomes(plan: Plan, told: Told) -> list[DayOutcome]:
    connector = CONNECTORS[plan.provider]
    since = UNTIL - timedelta(days=plan.days)
    api = InProcess(told.scenario, "/api/v1" if plan.provider == "openrouter" else "/v1")
    calls: dict[str, list[Call]] = defaultdict(list)
    for event in told.events:
        calls[canonical(event["upstream_model"])].append(_call(event))
    own = frozenset() if plan.provider == "openrouter" else frozenset({OWN_KEY})
    bill = Bill(
        connector.facts,
        since,
        UNTIL,
        list(connector.usage(api, since, UNTIL, ())),
        list(connector.costs(api, since, UNTIL, ())),
        outcomes.Whose(own, frozenset(calls)),
    )
    ours = {key: one for key, one in _by_day(calls).items() if key[0] >= since}
    differing = outcomes.uneven(bill, ours)
    prices = {canonical(model.asked): _prices(model) for model in models(plan.provider)}
    return outcomes.outcomes(
        bill,
        ours,
        differing,
        lambda model, start, end: [call for call in calls[model] if start <= call.at < end],
        _minutes(connector, api, bill, differing),
        lambda day, model, name: prices[model],
        lambda day: day < UNTIL - timedelta(days=1),
        known=_known(api, calls, differing) if plan.has_records else None,
    )


def _known(api: InProcess, calls: dict[str, list[Call]], differing: set[Key]) -> dict[str, CallRow]:
    """Of final days that differ, and of what came just before them."""
    connector, found = BY_CALL["openrouter"], dict[str, CallRow]()
    for day, model in sorted(differing):
        start, end = midnight(day) - outcomes.MARGIN, midnight(day + timedelta(days=1))
        if day < UNTIL - timedelta(days=1):
            some = [call for call in calls[model] if start <= call.at < end]
            for name, call in names_of(connector, some, found):
                found[name] = connector.call(api, name, call.at)
    return found


def _minutes(connector: Connector, api: InProcess, bill: Bill, differing: set[Key]) -> list[UsageRow]:
    if not connector.facts.by_minute:
        return []
    found: list[UsageRow] = []
    for day in sorted({day for day, _ in differing}):
        names = {row.model for row in bill.usage if (day, canonical(row.model)) in differing}
        found += connector.minutes(api, day, sorted(names), ())
    return found


def _call(event: dict[str, Any]) -> Call:
    written, longer = event["cache_write_tokens"], event["detail"].get("cache_write_1h_tokens", 0)
    cached = event["cached_input_tokens"]
    counts = Counts(
        event["input_tokens"] - cached - written, cached, written - longer, longer, event["output_tokens"]
    )
    attempts = event["detail"]["attempts"]
    return Call(
        event_id=UUID(event["event_id"]),
        at=parse(event["admitted_at"]),
        ended=parse(event["settled_at"]),
        counts=counts,
        cost_nano=event["cost_nano"],
        estimated=event["usage_source"] != "provider",
        source=event["usage_source"],
        retried=len(attempts) > 1,
        upstream_id=attempts[-1]["upstream_request_id"],
        earlier_ids=tuple(
            one["upstream_request_id"] for one in attempts[:-1] if "upstream_request_id" in one
        ),
        project_id=UUID(event["project_id"]),
        key_id=UUID(event["key_id"]),
        alias=event["model"],
    )


def _by_day(calls: dict[str, list[Call]]) -> dict[Key, DayOfOurs]:
    found: dict[Key, DayOfOurs] = defaultdict(DayOfOurs)
    for name, some in calls.items():
        for call in some:
            found[call.day, name] += DayOfOurs(call.counts, call.cost_nano or 0, 1, 0, frozenset({name}))
    return dict(found)


def _prices(model: Model) -> UnitPrices:
    def prices(of: int, batch: UnitPrices | None = None) -> UnitPrices:
        fresh, cached, short, longer, output = (model.prices[part] // of for part in PARTS)
        return UnitPrices(fresh, cached, short, longer, output, batch=batch)

    return prices(1, prices(2))


def _row(one: Wanted) -> Row:
    day, model, cause = one.key
    return Row(cause, day, model, [adjustment.as_json() for adjustment in one.adjustments])
