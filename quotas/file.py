"""Contract prices as the declarative file says them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from orbit.lib import money
from orbit.lib.clock import rfc3339
from quotas.contracts import path_of, rates_document, set_contract_price, withdraw_contract_price
from quotas.models import ContractPrice
from quotas.rates import PARTS, UNITS, WHOLES
from tenants.schema.prices import ContractPrice as Entry
from tenants.sections import Section
from tenants.services.saved import Actor, Saved


def _save(organization_id: UUID, entry: Entry, actor: Actor) -> Saved[ContractPrice]:
    units = entry.units.model_dump(exclude_none=True) if entry.units else None
    rates = None
    if entry.discount_percent is None:
        rates = rates_document(entry.amounts(), units, free=entry.free)
    return set_contract_price(
        organization_id=organization_id,
        provider=entry.provider,
        model=entry.model,
        account=entry.account or "",
        rates=rates,
        discount_percent=entry.discount_percent,
        valid_from=entry.starts,
        valid_until=entry.until,
        source="apply",
        actor=actor,
    )


def _paths() -> list[str]:
    return [path_of(row) for row in ContractPrice.objects.live()]


def _remove(organization_id: UUID, path: str, actor: Actor) -> None:
    (row,) = (row for row in ContractPrice.objects.live() if path_of(row) == path)
    withdraw_contract_price(organization_id=organization_id, price_id=row.pk, actor=actor)


def _export() -> list[dict[str, Any]]:
    return [_entry(row) for row in sorted(ContractPrice.objects.live(), key=path_of)]


def _entry(row: ContractPrice) -> dict[str, Any]:
    made: dict[str, Any] = {"provider": row.provider, "model": row.model}
    if row.account:
        made["account"] = row.account
    made |= _terms(row)
    if row.valid_from:
        made["from"] = rfc3339(row.valid_from)
    if row.valid_until:
        made["until"] = rfc3339(row.valid_until)
    return made


def _terms(row: ContractPrice) -> dict[str, Any]:
    if row.discount_percent is not None:
        return {"discount_percent": f"{row.discount_percent.normalize():f}"}
    rates = row.rates or {}
    if rates.get("free"):
        return {"free": True}
    units = rates.get("units", {})
    named = {name: money.amount(rates[name]) for name in (*WHOLES, *PARTS) if name in rates}
    beside = {name: money.amount(units[name]) for name in UNITS if name in units}
    return named | ({"units": beside} if beside else {})


PRICES = Section("prices", "price", Entry.path, _save, _paths, _remove, _export)
