"""What calls of the past would have cost at other prices, call by call: exact, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from billing.repricing.costs import Used, cost_of, rates_at
from billing.repricing.reading import Selection, used
from quotas.classes import CLASSES, Class
from quotas.prices import Target
from quotas.rates import Rates
from quotas.versions import rates_of
from tenants.models import ProviderAccount

Prices = Callable[[set[Target]], dict[Target, Rates]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One call that would have cost something else. `before` is None where it had no price."""

    used: Used
    before_nano: int | None
    after_nano: int
    version: str

    @property
    def nano(self) -> int:
        return self.after_nano - (self.before_nano or 0)


@dataclass(slots=True)
class Sum:
    """Of one model at one account."""

    calls: int = 0
    changed: int = 0
    before_nano: int = 0
    after_nano: int = 0

    @property
    def nano(self) -> int:
        return self.after_nano - self.before_nano


@dataclass(slots=True)
class Trial:
    """`left` counts calls that are as they are, by the reason why."""

    sums: dict[tuple[str, str], Sum] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return sum(one.calls for one in self.sums.values())

    @property
    def changed(self) -> int:
        return sum(one.changed for one in self.sums.values())

    @property
    def nano(self) -> int:
        return sum(one.nano for one in self.sums.values())

    def leave(self, why: str) -> None:
        self.left[why] = self.left.get(why, 0) + 1


UNPRICED = "no price then"
RESERVED = "charged what was reserved, as nobody knows what was used"
UNLIKE = "not charged by its price alone"
GONE = "its account is gone"
COUNTED = "the provider counted it otherwise than once, which was approved"


def differences(selection: Selection, prices: Prices, trial: Trial) -> Iterator[Difference]:
    """Each call of the selection that `prices` charge otherwise; `trial` counts them all. In the organization's scope."""
    priced_as = dict(ProviderAccount.objects.values_list("pk", "prices_as"))
    known: dict[Target, Rates | None] = {}
    charged_by = lru_cache(256)(rates_of)
    for one in used(selection):
        row = one.row
        if CLASSES.get(row["endpoint"] or "") is Class.FREE:
            continue
        if row["account_id"] not in priced_as:
            trial.leave(GONE)
            continue
        target = Target(priced_as[row["account_id"]], row["upstream_model"] or "", row["account"] or "")
        if target not in known:
            known[target] = prices({target}).get(target)
        rates = rates_at(known[target], one.admitted_at)
        why = _left_because(one, rates, charged_by(row["price_version"] or ""))
        if why or rates is None:
            trial.leave(why)
            continue
        yield from _counted(trial, target, one, cost_of(one, rates), rates.version)


def _counted(trial: Trial, target: Target, one: Used, after: int, version: str) -> Iterator[Difference]:
    sums = trial.sums.setdefault((target.account, target.model), Sum())
    sums.calls += 1
    sums.before_nano += one.cost_nano or 0
    sums.after_nano += after
    # each approved adjustment was rounded by itself
    if one.cost_nano is None or abs(after - one.cost_nano) > one.settled:
        sums.changed += 1
        yield Difference(one, one.cost_nano, after, version)


def _left_because(one: Used, rates: Rates | None, charged_by: Rates | None) -> str:
    """Empty for a call that can be reckoned anew: its charge follows from its counts, as far as one can tell."""
    if rates is None:
        return UNPRICED
    if one.times != 1:
        return COUNTED
    if one.row["status"] == "lease_expired" and one.cost_nano == one.row["cost_nano"] and not one.versions:
        return RESERVED
    if one.row["cost_nano"] is None or charged_by is None:
        return ""
    then = rates_at(charged_by, one.admitted_at)
    as_charged = Used.of(one.row)
    if then is None or cost_of(as_charged, then) != one.row["cost_nano"]:
        return "" if one.row["status"] == "lease_expired" else UNLIKE
    return ""
