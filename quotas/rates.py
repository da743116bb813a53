"""What a call costs at given prices: exact integers, rounded up once a call.

Prices of tokens are nano-units per million tokens. Prices of other units are for so many as `UNITS` says.
A document of rates, as the database holds it, reads

    {"input", "cached_input", "cache_write", "output", …any name of PARTS…,
     "tiers":    [{"above_input_tokens", …rates…}]        the whole call, when its input is larger
     "services": {"priority": {…rates, tiers…}}           the whole call, when it was served so
     "hours":    [{"from": "00:30", "until": "16:30", …all of the above…}]   the whole call, by time of day in UTC
     "units":    {"web_searches": nano-units, …}}         beside the tokens
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any

MILLION = 1_000_000
DAY_US = 86_400_000_000
NEAR_US = (
    60_000_000  # a change of prices nearer than this counts as there already, when an upper bound is asked
)

# Each kind of token that may have a rate of its own, and the kind that it is a part of and is priced as otherwise.
PARTS: Mapping[str, str] = {
    "input_audio": "input",
    "input_image": "input",
    "input_video": "input",
    "input_tool": "input",
    "cached_audio": "cached_input",
    "cached_image": "cached_input",
    "cache_write_5m": "cache_write",
    "cache_write_30m": "cache_write",
    "cache_write_1h": "cache_write",
    "cache_write_12h": "cache_write",
    "reasoning": "output",
    "output_audio": "output",
    "output_image": "output",
    "output_video": "output",
}
WHOLES = ("input", "cached_input", "cache_write", "output")
_STAND_INS = {
    "cache_write_12h": "cache_write_1h"
}  # the longer lifetime costs at least as much as the shorter

# What else is charged for, and how many a price is for. One `requests` is charged with every call.
UNITS: Mapping[str, int] = {
    "requests": 1_000,
    "web_searches": 1_000,
    "file_searches": 1_000,
    "code_executions": 1_000,
    "search_units": 1_000,
    "pages": 1_000,
    "images": 1,
    "seconds": 3_600,
    "characters": MILLION,
}
BASE = 9_000_000  # the smallest number that a million and every count of UNITS divide
_PER_MILLION = BASE // MILLION

NOTHING: Mapping[str, int] = {}
Bounds = tuple[
    tuple[int, int, int], ...
]  # (above so many input tokens, dearest input rate, dearest output rate)


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of one model. `at` a moment they are one set of rates; `cost_nano` is asked of that.

    `priced` is False where tokens have no price: there such a call is refused under a cost limit, never free.
    """

    input: int
    cached_input: int
    cache_write: int
    output: int
    version: str
    priced: bool = True
    extras: Mapping[str, int] = field(default_factory=dict)  # kind of token: its rate less that of its whole
    units: Mapping[str, int] = field(default_factory=dict)  # per BASE of them
    tiers: tuple[tuple[int, Rates], ...] = ()
    services: Mapping[str, Rates] = field(default_factory=dict)
    hours: tuple[tuple[int, int, Rates], ...] = ()  # (from, until) in microseconds of a UTC day
    bounds: Bounds = ()
    widest: Bounds = ()  # of the standard and every service tier
    per_request: bool = False  # whether any of them charges for the call itself
    valid_until_us: int | None = None
    successor: Rates | None = None  # what is in force from then on

    @classmethod
    def parse(cls, rates: Mapping[str, Any], version: str) -> Rates:
        """A rate that the document does not name is that of its whole, and in the end the input's."""
        plain = int(rates.get("input", 0))
        whole = {name: int(rates.get(name, plain)) for name in WHOLES}
        named = {name: _rate_of(name, rates, whole) for name in PARTS}
        tiers = sorted((int(tier["above_input_tokens"]), tier) for tier in rates.get("tiers", ()))
        tables = tuple((above, cls.parse(tier, version)) for above, tier in tiers)
        beside = {"units": rates.get("units", {})}
        services = {
            name: cls.parse({**beside, **one}, version) for name, one in rates.get("services", {}).items()
        }
        bounds = _dearest({**whole, **named}, tables)
        return cls(
            whole["input"],
            whole["cached_input"],
            whole["cache_write"],
            whole["output"],
            version=version,
            priced="input" in rates,
            extras={
                name: rate - whole[PARTS[name]] for name, rate in named.items() if rate != whole[PARTS[name]]
            },
            units={name: int(nano) * (BASE // UNITS[name]) for name, nano in rates.get("units", {}).items()},
            tiers=tables,
            services=services,
            hours=tuple(
                (_of_day(one["from"]), _of_day(one["until"]) or DAY_US, cls.parse({**beside, **one}, version))
                for one in rates.get("hours", ())
            ),
            bounds=bounds,
            per_request="requests" in beside["units"] or any(one.per_request for one in services.values()),
            widest=_needed([*bounds, *(bound for one in services.values() for bound in one.bounds)]),
        )

    def at(self, us: int) -> Rates:
        """The one set of rates in force at a moment."""
        rates = self
        while rates.successor is not None and rates.valid_until_us is not None and us >= rates.valid_until_us:
            rates = rates.successor
        for begin, end, hour in rates.hours:
            if begin <= us % DAY_US < end:
                return hour
        return rates

    def cost_nano(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        cached: int = 0,
        cache_write: int = 0,
        parts: Mapping[str, int] = NOTHING,
        units: Mapping[str, int] = NOTHING,
        service_tier: str | None = None,
    ) -> int:
        """The cost of one call, rounded up. `cached` and `cache_write` are parts of `input_tokens`.

        `parts` are kinds of PARTS, each a part of the whole that it names and apart from the others; what is
        more than its whole is not counted. A service tier that has no rates of its own is charged as the standard.
        """
        rates = self
        if service_tier is not None and self.services:
            rates = self.services.get(service_tier, self)
        charged = rates.units
        for above, tier in rates.tiers:
            if input_tokens > above:
                rates = tier
        plain = input_tokens - cached - cache_write
        total = (
            plain * rates.input
            + cached * rates.cached_input
            + cache_write * rates.cache_write
            + output_tokens * rates.output
        )
        if parts:
            total += _extra(parts, rates.extras, plain, cached, cache_write, output_tokens)
        if charged and (units or "requests" in charged):
            return -(-(total * _PER_MILLION + _charge(units, charged)) // BASE)
        return -(-total // MILLION)

    def most_nano(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        units: Mapping[str, int] = NOTHING,
        service_tier: object = None,
        at_us: int | None = None,
    ) -> int:
        """The most that a call of at most so many tokens and units can cost, however its tokens are split.

        `service_tier` is what the request asks for; only `default` and a tier that the prices know narrow the
        bound, since the provider chooses otherwise. `at_us` is about when it will be admitted; without it the
        bound holds at any time.
        """
        if self.hours or self.successor is not None:
            return max(
                _most(one, input_tokens, output_tokens, units, service_tier) for one in self._around(at_us)
            )
        return _most(self, input_tokens, output_tokens, units, service_tier)

    def _around(self, at_us: int | None) -> list[Rates]:
        """Every set of rates that may be in force when the call is admitted."""
        found: list[Rates] = []
        rates: Rates | None = self
        while rates is not None:
            until = rates.valid_until_us
            if at_us is None or until is None or until > at_us - NEAR_US:
                found += [rates, *(hour for begin, end, hour in rates.hours if _near(begin, end, at_us))]
            if at_us is not None and until is not None and until > at_us + NEAR_US:
                break
            rates = rates.successor
        return found or [self]

    def unpriced(self, units: Mapping[str, int]) -> list[str]:
        """Which of these units have no price, and were not charged for."""
        return sorted(name for name in units if name not in self.units)


def scaled(document: Mapping[str, Any], factor: Decimal) -> dict[str, Any]:
    """The same document with every price times the factor, rounded up."""
    made: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, list):
            made[name] = [scaled(one, factor) for one in value]
        elif name == "services":
            made[name] = {service: scaled(one, factor) for service, one in value.items()}
        elif name == "units":
            made[name] = {unit: _scaled(nano, factor) for unit, nano in value.items()}
        else:
            made[name] = _scaled(value, factor) if name in PARTS or name in WHOLES else value
    return made


def _scaled(nano: int, factor: Decimal) -> int:
    return int((nano * factor).to_integral_value(ROUND_CEILING))


def _rate_of(name: str, rates: Mapping[str, Any], whole: Mapping[str, int]) -> int:
    stand_in = _STAND_INS.get(name, name)
    return int(rates.get(name, rates.get(stand_in, whole[PARTS[name]])))


def _dearest(rates: Mapping[str, int], tiers: Iterable[tuple[int, Rates]]) -> Bounds:
    """The dearest rates of either side, and those of each tier."""
    most_in = max(rate for name, rate in rates.items() if PARTS.get(name, name) != "output")
    most_out = max(rate for name, rate in rates.items() if PARTS.get(name, name) == "output")
    above = ((above, *bound[1:]) for above, tier in tiers for bound in tier.bounds)
    return _needed([(-1, most_in, most_out), *above])


def _needed(bounds: Iterable[tuple[int, int, int]]) -> Bounds:
    """Without those that another exceeds wherever they hold."""
    found: list[tuple[int, int, int]] = []
    for above, most_in, most_out in sorted(bounds, key=lambda one: (one[0], -one[1], -one[2])):
        if not any(most_in <= lower_in and most_out <= lower_out for _, lower_in, lower_out in found):
            found.append((above, most_in, most_out))
    return tuple(found)


def _most(
    rates: Rates, input_tokens: int, output_tokens: int, units: Mapping[str, int], service_tier: object
) -> int:
    bounds = rates.widest
    if service_tier is not None and isinstance(service_tier, str) and rates.services:
        if service_tier == "default":
            bounds = rates.bounds
        elif service_tier in rates.services:
            bounds = rates.bounds + rates.services[service_tier].bounds
    dearest = _most_of(bounds, input_tokens, output_tokens)
    if not units and not rates.per_request:
        return -(-dearest // MILLION)
    charge = max(_charge(units, one.units) for one in (rates, *rates.services.values()))
    return -(-(dearest * _PER_MILLION + charge) // BASE)


def _most_of(bounds: Bounds, input_tokens: int, output_tokens: int) -> int:
    dearest = 0
    for above, most_in, most_out in bounds:
        if input_tokens > above:
            most = input_tokens * most_in + output_tokens * most_out
            if most > dearest:
                dearest = most
    return dearest


def _extra(parts: Mapping[str, int], extras: Mapping[str, int], *wholes: int) -> int:
    """What the parts cost more, or less, than their wholes do."""
    left = dict(zip(WHOLES, wholes, strict=True))
    total = 0
    for name, count in parts.items():
        whole = PARTS.get(name)
        if whole is not None:
            counted = min(count, left[whole])
            left[whole] -= counted
            total += counted * extras.get(name, 0)
    return total


def _charge(units: Mapping[str, int], charged: Mapping[str, int]) -> int:
    total = charged.get("requests", 0)
    for name, count in units.items():
        if name != "requests":
            total += count * charged.get(name, 0)
    return total


def _of_day(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000_000


def _near(begin: int, end: int, at_us: int | None) -> bool:
    if at_us is None:
        return True
    moment = at_us % DAY_US
    return any(
        begin - NEAR_US <= shifted < end + NEAR_US for shifted in (moment - DAY_US, moment, moment + DAY_US)
    )
