"""What a call was charged by: the row of prices that its event names, and how it multiplies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from audit.models import Event
from orbit.lib.clock import to_us
from quotas.models import ContractPrice, Price
from quotas.rates import BASE, MILLION, PARTS, UNITS, WHOLES, Rates
from quotas.versions import rows_of

_NAMES = {
    "input": "Input",
    "cached_input": "Input read from the cache",
    "cache_write": "Input written to the cache",
    "output": "Output",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`count` units at `price_nano` for each `per` of them."""

    what: str
    count: int
    price_nano: int
    per: int

    @property
    def amount_nano(self) -> Decimal:
        return Decimal(self.count) * self.price_nano / self.per

    @property
    def rounded_nano(self) -> int:
        return int(self.amount_nano.to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Charge:
    """`agrees` says whether the lines make the amount that was charged; None where there are none."""

    listed: Price | None
    contract: ContractPrice | None
    lines: list[Line]
    notes: list[str]
    agrees: bool | None


def charged(call: Event) -> Charge:
    """Within the organization's scope."""
    listed, contract = rows_of(call.price_version or "")
    rates: dict[str, Any] | None = listed.rates if listed else None
    document = contract.document(rates) if contract else rates
    if document is None:
        return Charge(listed, contract, [], [], None)
    notes: list[str] = []
    lines = list(_lines(call, Rates.parse(document, call.price_version or ""), notes))
    total = sum((line.amount_nano for line in lines), Decimal(0)).to_integral_value(ROUND_CEILING)
    return Charge(listed, contract, lines, notes, int(total) == call.cost_nano)


def _lines(call: Event, priced: Rates, notes: list[str]) -> Iterator[Line]:
    rates = priced.at(to_us(call.admitted_at))
    if rates is not priced:
        notes.append("at the rates of that hour of the day")
    tier = call.detail.get("service_tier")
    if tier in rates.services:
        notes.append(f"at the rates of the service tier {tier}")
        rates = rates.services[tier]
    units, taken = rates.units, call.input_tokens or 0
    for above, larger in rates.tiers:
        if taken > above:
            notes[:] = [*notes, f"at the rates of calls with more than {above:,} tokens of input"]
            rates = larger
    yield from _tokens(call, rates)
    for name, price in units.items():
        count = 1 if name == "requests" else call.detail.get(name) or 0
        if count:
            yield Line(name.replace("_", " ").capitalize(), count, price * UNITS[name] // BASE, UNITS[name])


def _tokens(call: Event, rates: Rates) -> Iterator[Line]:
    """Each kind that has a rate of its own apart from the whole that it is a part of."""
    cached, written = call.cached_input_tokens or 0, call.cache_write_tokens or 0
    left = dict(
        zip(WHOLES, ((call.input_tokens or 0) - cached - written, cached, written, call.output_tokens or 0), strict=True)
    )  # fmt: skip
    apart = []
    for name, extra in rates.extras.items():
        whole = PARTS[name]
        count = min(_counted(call, name), left[whole])
        if count:
            left[whole] -= count
            what = name.replace("_", " ").capitalize()
            apart.append(Line(what, count, getattr(rates, whole) + extra, MILLION))
    yield from (
        Line(_NAMES[name], count, getattr(rates, name), MILLION) for name, count in left.items() if count
    )
    yield from apart


def _counted(call: Event, part: str) -> int:
    count: Any = call.reasoning_tokens if part == "reasoning" else call.detail.get(f"{part}_tokens")
    return count or 0
