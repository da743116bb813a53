"""The rates that an event's `price_version` names: rows are never changed, so they are those that it was charged by."""

from __future__ import annotations

import re
from typing import Any

from quotas.models import ContractPrice, Price
from quotas.rates import Rates

_VERSION = re.compile(r"(?:contract#(?P<contract>\d+)\+?)?(?:[^#]*#(?P<price>\d+))?")


def rows_of(version: str) -> tuple[Price | None, ContractPrice | None]:
    """Of the book and of the organization in scope."""
    found = _VERSION.fullmatch(version)
    contract, price = (found["contract"], found["price"]) if found else (None, None)
    return (
        Price.objects.filter(pk=int(price)).first() if price else None,
        ContractPrice.objects.filter(pk=int(contract)).first() if contract else None,
    )


def rates_of(version: str) -> Rates | None:
    """None where it names no row, as a policy's ceiling does not."""
    listed, contract = rows_of(version)
    rates: dict[str, Any] | None = listed.rates if listed else None
    document = contract.document(rates) if contract else rates
    return None if document is None else Rates.parse(document, version)
