"""`python -m bench.bills`: planted differences between a ledger and a provider's bill, and how many of them are found.

Each trial draws a seed, fills the ledger of an organization of its own, has the pretend provider in a process of its own tell
the same history otherwise, reconciles them, and compares what was found with what was planted.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orbit.demo.bills.planting import KINDS, OWN_KEY, History, Model, Planted, Told, Whose
from orbit.demo.bills.process import BillsHandle, running_bills

if TYPE_CHECKING:  # Django must be set up before its models are loaded
    from billing.models import Comparison, Run
    from tenants.models import Organization

ADMIN_KEY = "sk-admin-pretend-0123456789abcdef"
MILLION = 1_000_000_000
PRICE_SLACK = (
    5_000  # nano-units: calls of a day, each rounded up, and lines of a report, each to its last place
)
PRICES: dict[str, list[tuple[str, str, tuple[int, int, int, int, int]]]] = {
    "openai": [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", (150, 75, 150, 150, 600)),
        ("gpt-4o", "gpt-4o-2024-08-06", (2_500, 1_250, 2_500, 2_500, 10_000)),
        ("gpt-4.1", "gpt-4.1-2025-04-14", (2_000, 500, 2_000, 2_000, 8_000)),
    ],
    "anthropic": [
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", (3_000, 300, 3_750, 6_000, 15_000)),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", (1_000, 100, 1_250, 2_000, 5_000)),
    ],
    "openrouter": [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini", (150, 75, 150, 150, 600)),
        ("openai/gpt-4o", "openai/gpt-4o", (2_500, 1_250, 2_500, 2_500, 10_000)),
    ],
}
LAG_DAYS = {"openai": 2, "anthropic": 1, "openrouter": 1}
COUNTED_AS = ("fresh", "cached", "write_short", "write_long", "output")
# Of providers that tell no more than a day: what a day's sum still shows.
BY_DAY = ("missing_here", "missing_there", "duplicate", "price", "late")


@dataclass(frozen=True, slots=True)
class Plan:
    """`each` of every kind at random, and once more `overlapping` of each kind on one day of one model."""

    provider: str
    calls: int = 10_000
    days: int = 5
    each: int = 5
    overlapping: int = 1
    apart: bool = False  # no two differences of one model within minutes of each other


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


@dataclass
class Trial:
    """An organization whose ledger holds the history, and the run over it."""

    plan: Plan
    told: Told
    organization: Organization
    account: str
    since: Any
    until: Any
    handle: BillsHandle
    run: Run | None = None

    def show(self) -> None:
        """The bill as it is now."""
        self.handle.show(self.told.scenario)

    def reconcile(self) -> Run:
        from billing.reconcile import runs

        where = {"organization_id": self.organization.pk}
        self.run = runs.request_run(
            **where, actor="bench", account=self.account, since=self.since, until=self.until, here=True
        )
        made = runs.perform(**where, run_id=self.run.pk)
        assert made is not None
        if made.state != "done":
            raise RuntimeError(made.problem)
        return made

    def rows(self) -> list[Comparison]:
        from billing.models import Comparison
        from orbit.lib import access

        with access.scope(organization_id=self.organization.pk):
            return list(Comparison.objects.order_by("day", "model"))


def prepare(plan: Plan, handle: BillsHandle, seed: int) -> Trial:
    """Needs a Django with servers behind it. The pretend provider's address must be among ORBIT_PRIVATE_TARGETS."""
    from quotas.models import Price

    organization, whose = _organization(plan, handle)
    models = [Model(asked, counted, _prices(rates)) for asked, counted, rates in PRICES[plan.provider]]
    for model in models:
        Price.objects.get_or_create(
            provider=f"bills-{plan.provider}",
            model=model.asked,
            source="bench",
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            defaults={"rates": _rates(model)},
        )
    until = datetime.now(UTC).date() - timedelta(days=LAG_DAYS[plan.provider] - 1)
    history = History(
        seed,
        whose,
        models,
        days=plan.days,
        until=until,
        split_writes=plan.provider == "anthropic",
        costs_by_key=plan.provider != "anthropic",
    )
    if plan.provider == "openrouter":
        history.plain()
    if plan.apart:
        history.keep_apart()
    history.draw(plan.calls)
    _plant(history, plan)
    told = history.finish(ADMIN_KEY, int(time.time()))
    _fill(organization, told)
    made = Trial(plan, told, organization, "main", until - timedelta(days=plan.days), until, handle)
    made.show()
    return made


def _plant(history: History, plan: Plan) -> None:
    kinds = BY_DAY if plan.provider == "openrouter" else KINDS
    for kind in kinds:
        for _ in range(plan.each):
            history.plant(kind)
    for kind in kinds:
        for _ in range(plan.overlapping if kind != "late" else 0):
            history.plant(kind, 1, history.models[0])


def _prices(rates: Sequence[int]) -> dict[str, int]:
    names = ("fresh", "cached", "write_5m", "write_1h", "output")
    return {name: rate * MILLION // 1_000 for name, rate in zip(names, rates, strict=True)}


def _rates(model: Model) -> dict[str, Any]:
    asked = model.prices
    rates = {
        "input": asked["fresh"],
        "cached_input": asked["cached"],
        "cache_write": asked["write_5m"],
        "cache_write_1h": asked["write_1h"],
        "output": asked["output"],
    }
    return rates | {"services": {"batch": {name: rate // 2 for name, rate in rates.items()}}}


def _organization(plan: Plan, handle: BillsHandle) -> tuple[Organization, Whose]:
    from billing.reconcile.sources import save_source
    from orbit.lib import access
    from tenants import services
    from tenants.models import ApiKey, ProviderAccount

    organization = services.create_organization(slug=f"b-{secrets.token_hex(6)}", actor="bench")
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "bench"}
    services.save_account(
        **where,
        name="main",
        kind=plan.provider,
        prices_as=f"bills-{plan.provider}",
        usage_credential=services.NewCredential(value=ADMIN_KEY),
    )
    for number in range(3):
        services.save_project(**where, slug=f"project-{number}", name=f"Project {number}")
        services.issue_key(**where, project=f"project-{number}", name="main")
    prefix = "/api/v1" if plan.provider == "openrouter" else "/v1"
    own = [] if plan.provider == "openrouter" else [OWN_KEY]
    save_source(**where, account="main", own_keys=own, base_url=handle.url + prefix)
    with access.scope(organization_id=organization.pk):
        account = ProviderAccount.objects.get(name="main")
        rows = ApiKey.objects.order_by("name", "pk").values_list("project_id", "project__slug", "pk", "name")
        keys = list(rows)
    return organization, Whose(organization.pk, organization.slug, account.pk, account.name, keys)


def _fill(organization: Organization, told: Told) -> None:
    from audit.ledger import write_past

    for at in range(0, len(told.events), 2_000):
        written = write_past(organization.shard, told.events[at : at + 2_000])
        while written is None:  # another writer is at the shard
            time.sleep(0.05)
            written = write_past(organization.shard, told.events[at : at + 2_000])


def judge(trial: Trial) -> Result:
    """What the comparisons and exceptions say against what was planted. Nothing is taken from the run's own words on itself."""
    from billing.reconcile.testimony import parts_of

    result = Result(trial.plan, trial.told.seed)
    pools: dict[tuple[str, Any, str], list[Planted]] = {}
    for one in trial.told.planted:
        result.scores.setdefault(one.cause, Score()).planted += 1
        result.planted_nano += abs(one.money_nano)
        pools.setdefault((one.cause, one.day, _plain(one.model)), []).append(one)
    for outcome in parts_of(trial.run):
        result.drift_nano += abs(outcome.drift_nano)
        result.token_drift += (outcome.theirs - outcome.ours).size
        for part in outcome.parts:
            _count(result, pools, outcome.model, part)
    result.wrong += [f"missed {one}" for pool in pools.values() for one in pool]
    _judge_adjustments(result, trial)
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
        sizes = [len(pool)] if cause == "outside" else [1, 2, 3]
        for size in sizes:
            for some in combinations(pool, size):
                if (
                    some
                    and tuple(map(sum, zip(*(one.counts for one in some), strict=True))) == part.counts.values
                ):
                    return list(some)
        return []
    ids = {str(call.event_id) for call in part.calls}
    return [one for one in pool if one.event_id in ids and one.counts == part.counts.values][:1] or (
        _together(part, pool, ids) if cause in ("estimate", "cache_split") else []
    )


def _together(part: Any, pool: list[Planted], ids: set[str]) -> list[Planted]:
    some = [one for one in pool if one.event_id in ids]
    whole = tuple(map(sum, zip(*(one.counts for one in some), strict=True))) if some else ()
    return some if whole == part.counts.values else []


def _judge_adjustments(result: Result, trial: Trial) -> None:
    """One is false that would post a difference to an event, or for a cause, that nothing was planted of."""
    from billing.models import BillException
    from orbit.lib import access

    planted = {(one.cause, one.event_id): one for one in trial.told.planted if one.event_id}
    places: dict[tuple[str, Any, str], list[list[Planted]]] = {}
    for one in trial.told.planted:
        sets = places.setdefault((one.cause, one.day, _plain(one.model)), [])
        sets += [[*some, one] for some in [[], *sets]]
    with access.scope(organization_id=trial.organization.pk):
        rows = list(BillException.objects.all())
    for row in rows:
        result.adjustments += len(row.adjustments)
        there = places.get((row.cause, row.day, row.model), [])
        if row.cause == "price":  # shared among keys
            whole = sum(one["cost_nano"] for one in row.adjustments)
            right = any(_with_its_money(whole, some) for some in there)
            result.false_adjustments += 0 if right else len(row.adjustments)
            continue
        for one in row.adjustments:
            named = planted.get((row.cause, one["corrects"])) if "corrects" in one else None
            sets = ([[named]] if named else []) if "corrects" in one else there
            right = any(
                _adds_up(some, one["tokens"]) and _with_its_money(one["cost_nano"], some) for some in sets
            )
            result.false_adjustments += not right


def _adds_up(some: Sequence[Planted], tokens: dict[str, int]) -> bool:
    """Whether an adjustment's tokens, of which zeros are left out, are those of these calls together."""
    whole = [sum(column) for column in zip(*(one.counts for one in some), strict=True)]
    return dict(zip(COUNTED_AS, whole, strict=True)) == dict.fromkeys(COUNTED_AS, 0) | tokens


def trial(plan: Plan, handle: BillsHandle, seed: int) -> Result:
    made = prepare(plan, handle, seed)
    begun = time.monotonic()
    made.reconcile()
    took = time.monotonic() - begun
    result = judge(made)
    result.seconds = took
    return result


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bills", description=__doc__)
    parser.add_argument("--trials", type=int, default=3, help="of each provider (3)")
    parser.add_argument("--calls", type=int, default=10_000, help="clean ones of a trial (10000)")
    parser.add_argument(
        "--each",
        type=int,
        default=5,
        help="planted differences of each kind, without the overlapping ones (5)",
    )
    parser.add_argument("--provider", choices=list(PRICES), help="that one alone")
    parser.add_argument("--seed", type=int, help="of the first trial, to repeat it")
    options = parser.parse_args()
    from bench.ledger import servers_for_bench

    with servers_for_bench(), tempfile.TemporaryDirectory() as folder:
        from django.conf import settings

        from orbit.demo.bills.scenario import Scenario

        with running_bills(Path(folder), Scenario(ADMIN_KEY), refuse_every=7) as handle:
            settings.ORBIT_PRIVATE_TARGETS.append(f"127.0.0.1:{handle.port}")
            for provider in [options.provider] if options.provider else PRICES:
                _series(provider, handle, options)


def _series(provider: str, handle: BillsHandle, options: argparse.Namespace) -> None:
    results = []
    clean = trial(
        Plan(provider, options.calls, each=0, overlapping=0), handle, options.seed or secrets.randbits(32)
    )
    print(
        f"\n{provider}, nothing planted, {clean.seconds:.1f} s: {clean.token_drift} tokens of drift, {clean.rounding_nano} nano-units of rounding"
    )
    sys.stdout.flush()
    for number in range(options.trials):
        seed = options.seed + number if options.seed else secrets.randbits(32)
        each = min(options.each, 2) if provider == "openrouter" else options.each
        results.append(trial(Plan(provider, options.calls, each=each), handle, seed))
        for line in results[-1].wrong:
            print(f"  seed {seed}: {line}")
    print(f"\n{provider}\n\n{table(results)}\n\n{words(results)}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
