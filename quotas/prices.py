"""The price book and the contract prices over it: which rates are in force for a model, now and next.

The book is seeded from the package `genai-prices` (offline) when a model is routed; web workers read the rows and
never import the package. Changes to either are in `quotas.contracts`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orbit.lib import money
from orbit.lib.clock import to_us
from orbit.lib.money import NANO
from quotas.models import ContractPrice, Price
from quotas.rates import BASE, PARTS, UNITS, WHOLES, Rates

__all__ = ["PACKAGE", "UNPRICED", "Rates", "Target", "amounts", "ceiling", "in_force", "listed", "seed"]

PACKAGE = "genai-prices"
UNPRICED = Rates.parse({}, "none")


@dataclass(frozen=True, slots=True)
class Target:
    """What is priced: a model by its provider's name, and the organization's account that calls it."""

    provider: str
    model: str
    account: str = ""


def ceiling(document: Mapping[str, str]) -> Rates:
    """The policy's own price for models that have none: `{"input": "30.00", "output": "120.00"}` per million."""
    per_million = {name: int(Decimal(value) * NANO) for name, value in document.items()}
    return Rates.parse(per_million, "policy-ceiling")


def in_force(targets: set[Target], at: datetime, *, as_of_then: bool = False) -> dict[Target, Rates]:
    """The rates of each target that has any, contract prices of the organization in scope included.

    They hold until a version of the organization says otherwise: what is known to follow is their `successor`.
    `as_of_then` takes the contract prices that stood at that time, not those that stand now.
    """
    pairs = {(target.provider, target.model) for target in targets}
    contracts = ContractPrice.objects.standing_at(at) if as_of_then else ContractPrice.objects.live()
    return _chains(targets, _book(pairs), list(contracts), at)


def imagined(
    targets: set[Target],
    at: datetime,
    *,
    contracts: Sequence[ContractPrice] = (),
    book: Mapping[tuple[str, str], Sequence[Price]] | None = None,
) -> dict[Target, Rates]:
    """What `in_force` would say if these contracts stood besides, and these rows were all that the book had of their models.

    A contract takes the place of what stands for the same provider, model, account and beginning.
    """

    def terms(one: ContractPrice) -> tuple[Any, ...]:
        return one.provider, one.model, one.account, one.valid_from

    new = {terms(one) for one in contracts}
    standing = [one for one in ContractPrice.objects.live() if terms(one) not in new]
    rows = _book({(target.provider, target.model) for target in targets}) | dict(book or {})
    return _chains(targets, rows, [*standing, *contracts], at)


def listed(targets: set[Target], at: datetime) -> dict[Target, Rates]:
    """The same as the book alone has it."""
    return _chains(targets, _book({(target.provider, target.model) for target in targets}), [], at)


def _book(pairs: set[tuple[str, str]]) -> dict[tuple[str, str], list[Price]]:
    rows = Price.objects.filter(
        provider__in={provider for provider, _ in pairs}, model__in={model for _, model in pairs}
    ).order_by("valid_from", "pk")
    found: dict[tuple[str, str], list[Price]] = defaultdict(list)
    for row in rows:
        found[row.provider, row.model].append(row)
    return found


def _chains(
    targets: set[Target],
    book: Mapping[tuple[str, str], Sequence[Price]],
    contracts: Sequence[ContractPrice],
    at: datetime,
) -> dict[Target, Rates]:
    made: dict[Target, Rates] = {}
    for target in targets:
        rows = book.get((target.provider, target.model), ())
        agreed = [one for one in contracts if one.covers(target.provider, target.model, target.account)]
        moments = {row.valid_from for row in rows} | {
            moment for one in agreed for moment in (one.valid_from, one.valid_until) if moment is not None
        }
        chain = _chain(rows, agreed, [at, *sorted(moment for moment in moments if moment > at)])
        if chain is not None:
            made[target] = chain
    return made


def _chain(
    rows: Sequence[Price], agreed: Sequence[ContractPrice], moments: Sequence[datetime]
) -> Rates | None:
    """The rates of each moment, linked to those that follow; None when there never are any."""
    pieces: list[tuple[datetime, Rates]] = []
    for moment in moments:
        rates = _rates_at(rows, agreed, moment) or UNPRICED
        if not pieces or pieces[-1][1].version != rates.version:
            pieces.append((moment, rates))
    if pieces[-1][1] is pieces[0][1] is UNPRICED:
        return None
    chain: Rates | None = None
    until: int | None = None
    for since, rates in reversed(pieces):
        chain = replace(rates, valid_until_us=until, successor=chain)
        until = to_us(since)
    return chain


def _rates_at(rows: Sequence[Price], agreed: Sequence[ContractPrice], moment: datetime) -> Rates | None:
    listed = _row_at(rows, moment)
    binding = max(
        (one for one in agreed if one.in_force(moment)), key=lambda one: one.precedence, default=None
    )
    if binding is None:
        return Rates.parse(listed.rates, listed.version) if listed else None
    document = binding.document(listed.rates if listed else None)
    if document is None:
        return None
    return Rates.parse(document, f"{binding.version}+{listed.version}" if listed else binding.version)


def _row_at(rows: Sequence[Price], moment: datetime) -> Price | None:
    return next((row for row in reversed(rows) if row.valid_from <= moment), None)


def amounts(rates: Rates) -> dict[str, Any]:
    """Rates as amounts of money, with the tables for long contexts and service tiers."""
    whole = {name: getattr(rates, name) for name in WHOLES}
    parts = {name: whole[PARTS[name]] + extra for name, extra in rates.extras.items()}
    made: dict[str, Any] = {name: money.amount(nano) for name, nano in {**whole, **parts}.items()}
    if rates.tiers:
        made["tiers"] = [{"above_input_tokens": above, **amounts(tier)} for above, tier in rates.tiers]
    if rates.services:
        made["services"] = {name: amounts(replace(one, units={})) for name, one in rates.services.items()}
    if rates.units:
        made["units"] = {name: money.amount(nano * UNITS[name] // BASE) for name, nano in rates.units.items()}
    return made


def seed(pairs: set[tuple[str, str]], since: datetime | None = None) -> set[tuple[str, str]]:
    """Brings the package's prices of these (provider, model) pairs into the book: today's, and those it announces.

    `since`: those of an earlier day, and what followed.
    Returns the pairs whose prices changed. A pair that has a price added by hand is left as it is.
    """
    from quotas import genai  # slow and heavy: never in a web worker's start

    now, book, changed = since or datetime.now(UTC), _book(pairs), set[tuple[str, str]]()
    for pair in sorted(pairs):
        rows = book.get(pair, [])
        wanted = genai.timeline(*pair, now)
        if not wanted or any(not row.source.startswith(PACKAGE) for row in rows):
            continue
        announced = {moment for moment, _ in wanted} | {
            row.valid_from for row in rows if row.valid_from > now
        }
        for moment in sorted(announced):
            told = next(document for since, document in reversed(wanted) if since <= moment)
            listed = _row_at(rows, moment)
            if listed is None or listed.rates != told:
                provider, model = pair
                made, _ = Price.objects.get_or_create(
                    provider=provider,
                    model=model,
                    valid_from=moment,
                    source=genai.SOURCE,
                    defaults={"rates": told},
                )
                rows = sorted([*rows, made], key=lambda row: (row.valid_from, row.pk))
                changed.add(pair)
    return changed
