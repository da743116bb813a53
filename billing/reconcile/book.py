"""The price book as reconciliation asks it: what a day's tokens of a model should cost an organization."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from billing.reconcile.connectors.base import midnight
from billing.reconcile.counts import UnitPrices
from orbit.lib.clock import to_us
from quotas import prices
from quotas.prices import Target
from quotas.rates import Rates

NOON = timedelta(hours=12)


def book_of(provider: str, account: str) -> Callable[[date, str, str], UnitPrices | None]:
    """Of the organization in scope, its contracts included. Each answer is kept while the function is."""
    known: dict[tuple[date, str], UnitPrices | None] = {}

    def asked(day: date, model: str, name: str) -> UnitPrices | None:
        if (day, name) not in known:
            known[day, name] = _asked(Target(provider, name, account), day)
        return known[day, name]

    return asked


def _asked(target: Target, day: date) -> UnitPrices | None:
    """As the prices stood then, so that what was agreed since is no error of the provider's."""
    noon = midnight(day) + NOON
    found = prices.in_force({target}, noon, as_of_then=True).get(target)
    if found is None:
        found = prices.in_force({target}, noon).get(target)
    rates = found.at(to_us(noon)) if found is not None else None
    return _unit_prices(rates) if rates is not None and rates.priced else None


def _unit_prices(rates: Rates) -> UnitPrices:
    def written(*names: str) -> int:
        return rates.cache_write + next((rates.extras[name] for name in names if name in rates.extras), 0)

    return UnitPrices(
        fresh=rates.input,
        cached=rates.cached_input,
        write_short=written("cache_write_5m", "cache_write_30m"),
        write_long=written("cache_write_1h", "cache_write_12h"),
        output=rates.output,
        version=rates.version,
        batch=_unit_prices(rates.services["batch"]) if "batch" in rates.services else None,
    )
