"""A file of prices for the book: JSON lines, each read and checked before any is taken in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orbit.lib.errors import InputError
from quotas.contracts import add_price, rates_document
from quotas.models import Price
from tenants.schema.prices import ContractPrice as Entry
from tenants.schema.problems import problems_of


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A price that a line of a file names; `where` is that line."""

    where: str
    provider: str
    model: str
    rates: Mapping[str, Any]
    valid_from: datetime | None
    source: str

    def supposed(self) -> Price:
        """As a row of the book that there is not."""
        return Price(
            pk=0,
            provider=self.provider,
            model=self.model,
            rates=dict(self.rates),
            valid_from=datetime.fromisoformat("2000-01-01T00:00:00+00:00"),
            source=self.source,
        )

    def add(self, actor: str) -> Price:
        try:
            return add_price(
                provider=self.provider,
                model=self.model,
                rates=self.rates,
                valid_from=self.valid_from,
                source=self.source,
                actor=actor,
            )
        except InputError as error:
            raise InputError(f"{self.where}: {error.path}", error.message, error.suggestion) from None


def read(file: str) -> list[NewPrice]:
    """InputError names the line and the field that is wrong."""
    try:
        text = Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("FILE", f"{file} cannot be read: {error}") from None
    return [_read(line, f"line {number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _read(line: str, where: str) -> NewPrice:
    try:
        given = json.loads(line)
        source = given.pop("source")
        entry = Entry.model_validate(given)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        if isinstance(error, ValidationError):
            problem = problems_of(error, Entry)[0]
            raise InputError(f"{where}: {problem.path}", problem.message, problem.suggestion) from None
        raise InputError(where, "is no JSON object with a source") from None
    if entry.account or entry.until or entry.discount_percent is not None:
        raise InputError(where, "the book has neither account, discount_percent nor until")
    units = entry.units.model_dump(exclude_none=True) if entry.units else None
    try:
        rates = rates_document(entry.amounts(), units, free=entry.free)
    except InputError as error:
        raise InputError(f"{where}: {error.path}", error.message, error.suggestion) from None
    return NewPrice(where, entry.provider, entry.model, rates, entry.starts, str(source))
