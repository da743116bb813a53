"""What a call costs, and the price book that says so.

Rates are integer nano-units per million tokens. The book is seeded from the package `genai-prices`
(offline) when a model is routed; web workers read the rows and never import the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from orbit.lib.money import NANO
from quotas.models import Price

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-units per million tokens; a rate that the provider does not name is the input's."""

    input: int
    cached_input: int
    cache_write: int
    output: int
    version: str
    tiers: tuple[tuple[int, Rates], ...] = ()  # (above so many input tokens, rates for the whole call)

    @classmethod
    def parse(cls, rates: Mapping[str, Any], version: str) -> Rates:
        plain = int(rates["input"])
        return cls(
            plain,
            int(rates.get("cached_input", plain)),
            int(rates.get("cache_write", plain)),
            int(rates.get("output", 0)),
            version,
            tuple(
                (int(tier["above_input_tokens"]), cls.parse(tier, version)) for tier in rates.get("tiers", ())
            ),
        )

    def cost_nano(
        self, input_tokens: int, output_tokens: int, *, cached: int = 0, cache_write: int = 0
    ) -> int:
        """The cost of one call, rounded up. `cached` and `cache_write` are parts of `input_tokens`."""
        rates = self
        for above, tier in self.tiers:
            if input_tokens > above:
                rates = tier
        plain = input_tokens - cached - cache_write
        total = (
            plain * rates.input
            + cached * rates.cached_input
            + cache_write * rates.cache_write
            + output_tokens * rates.output
        )
        return -(-total // MILLION)

    def most_nano(self, input_tokens: int, output_tokens: int) -> int:
        """The most that a call of at most so many tokens can cost, whatever is cached and whichever tier applies."""
        dearest = 0
        for rates in (self, *(tier for above, tier in self.tiers if input_tokens > above)):
            rate = max(rates.input, rates.cached_input, rates.cache_write)
            dearest = max(dearest, rate * input_tokens + rates.output * output_tokens)
        return -(-dearest // MILLION)


def ceiling(document: Mapping[str, str]) -> Rates:
    """The policy's own price for models that have none: `{"input": "30.00", "output": "120.00"}` per million."""
    per_million = {name: int(Decimal(value) * NANO) for name, value in document.items()}
    return Rates.parse(per_million, "policy-ceiling")


def current(pairs: set[tuple[str, str]], at: datetime) -> dict[tuple[str, str], Rates]:
    """The rates in force of each (provider, model) that has any."""
    rows = Price.objects.filter(
        provider__in={provider for provider, _ in pairs},
        model__in={model for _, model in pairs},
        valid_from__lte=at,
    ).order_by("valid_from", "pk")
    found = {(row.provider, row.model): Rates.parse(row.rates, row.version) for row in rows}
    return {pair: rates for pair, rates in found.items() if pair in pairs}


def seed(pairs: set[tuple[str, str]]) -> int:
    """Puts the package's prices of these (provider, model) pairs into the book, once. Returns how many were new."""
    from genai_prices import __version__, data_snapshot  # slow and heavy: never in a web worker's start

    snapshot, source, made = data_snapshot.get_snapshot(), f"genai-prices {__version__}", 0
    now = datetime.now(UTC)
    for provider, model in sorted(pairs):
        try:
            _, found = snapshot.find_provider_model(model, None, provider, None)
        except LookupError:
            continue
        rates = _rates(found.get_prices(now))
        if rates is None:
            continue
        latest = Price.objects.filter(provider=provider, model=model).order_by("valid_from", "pk").last()
        if latest is None or latest.rates != rates:
            Price.objects.create(provider=provider, model=model, rates=rates, valid_from=now, source=source)
            made += 1
    return made


FIELDS = {
    "input": "input_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
}


def _rates(price: Any) -> dict[str, Any] | None:
    """The package's price of a model in our units; None when it has no price per token."""
    if getattr(price, "input_mtok", None) is None:
        return None
    base, tiers = {}, dict[int, dict[str, Any]]()
    for name, theirs in FIELDS.items():
        value = getattr(price, theirs, None)
        if value is None:
            continue
        base[name] = _nano(getattr(value, "base", value))
        for tier in getattr(value, "tiers", ()):
            tiers.setdefault(int(tier.start), {})[name] = _nano(tier.price)
    listed = [{"above_input_tokens": start, **base, **tier} for start, tier in sorted(tiers.items())]
    return {**base, "tiers": listed} if listed else base


def _nano(per_million: Decimal) -> int:
    return int((Decimal(per_million) * NANO).to_integral_value(ROUND_CEILING))
