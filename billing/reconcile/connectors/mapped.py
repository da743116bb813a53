"""A CSV file of usage and costs by day and model, read by a mapping that says which of its columns is what.

    {"day": "Date", "model": "Model", "input": "Input tokens", "cached": "Cached", "output": "Output tokens",
     "requests": "Calls", "amount": "Cost", "key": "Key", "amount_in": "cents", "input_holds_cached": true,
     "time_zone": "UTC", "delimiter": ","}

`day`, and `amount` or both `input` and `output`, must be there. Days of another zone than UTC are taken for the day of UTC on
which their noon lies, since a day cannot be split.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from billing.reconcile.connectors.base import (
    DAY,
    WHOLE,
    CostRow,
    Refused,
    UsageRow,
    counted,
    midnight,
    money,
)
from billing.reconcile.counts import Counts
from orbit.lib.errors import InputError

COLUMNS = ("day", "model", "key", "input", "cached", "cache_write", "output", "requests", "amount")
UNITS = {"whole": Decimal(1), "cents": Decimal(100), "micro": Decimal(1_000_000)}
OPTIONS = ("amount_in", "input_holds_cached", "time_zone", "delimiter", "currency")
MOST_BYTES, MOST_ROWS = 20_000_000, 200_000
YEARS = range(2000, 2201)
MOST_AMOUNT = 10**9  # of a line, in whole units: nano-units of nine such lines still fit in 64 bits


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """What the mapping says, checked."""

    columns: Mapping[str, str]
    unit: Decimal
    holds_cached: bool
    zone: ZoneInfo
    delimiter: str
    currency: str

    @property
    def tells_tokens(self) -> bool:
        """Half of them would make the other half seem to be missing there."""
        return {"input", "output"} <= set(self.columns)


def mapping(document: Mapping[str, Any]) -> CsvMapping:
    """InputError names the entry that is wrong."""
    for name in document:
        if name not in (*COLUMNS, *OPTIONS):
            raise InputError(
                f"mapping.{name}", "is not known", f"there are {', '.join((*COLUMNS, *OPTIONS))}"
            )
    columns = {name: str(document[name]) for name in COLUMNS if document.get(name)}
    if "day" not in columns:
        raise InputError("mapping.day", "is missing", "name the column that holds the date")
    if not {"input", "output", "amount"} & set(columns):
        raise InputError("mapping.amount", "is missing", "name a column with tokens or money")
    for name, other in (("input", "output"), ("output", "input")):
        if name not in columns and other in columns and "amount" not in columns:
            raise InputError(
                f"mapping.{name}",
                "is missing",
                f"tokens are compared where both are told, {name} and {other}",
            )
    unit = str(document.get("amount_in", "whole"))
    if unit not in UNITS:
        raise InputError("mapping.amount_in", f"{unit!r} is unknown", f"one of {', '.join(UNITS)}")
    try:
        zone = ZoneInfo(str(document.get("time_zone", "UTC")))
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(
            "mapping.time_zone", "is no time zone", "write one such as America/Los_Angeles"
        ) from None
    delimiter = delimiting(str(document.get("delimiter", ",")))
    holds = document.get("input_holds_cached", True)
    if not isinstance(holds, bool):
        raise InputError("mapping.input_holds_cached", "must be true or false")
    currency = str(document.get("currency", "USD")).upper()
    if len(currency) != 3:
        raise InputError("mapping.currency", "is no currency", "write its three letters, such as USD")
    return CsvMapping(columns, UNITS[unit], holds, zone, delimiter, currency)


def delimiting(text: str) -> str:
    """What may stand between columns."""
    if len(text) != 1 or text in '\r\n"\0':
        raise InputError("mapping.delimiter", "must be one character", "such as , ; or a tab")
    return text


def rows(content: bytes, how: CsvMapping) -> Iterator[tuple[UsageRow, CostRow | None]]:
    """InputError names the line that does not fit."""
    if len(content) > MOST_BYTES:
        raise InputError("file", f"is larger than {MOST_BYTES} bytes", "import a shorter time")
    text = decoded(content)
    try:
        yield from _rows(text, how)
    except csv.Error:
        raise unreadable() from None


def decoded(content: bytes) -> str:
    if b"\0" in content:
        raise InputError("file", "is no text", "save it as CSV in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("file", "is not UTF-8", "save it as UTF-8") from None


def unreadable() -> InputError:
    """Of what Python's reader does not take: its own words would help nobody."""
    return InputError(
        "file",
        f"is no CSV file that we can read: its lines end with a bare carriage return, or a cell is longer than {csv.field_size_limit():,} characters",
        "save it anew as CSV with the line ends of Windows or Unix",
    )


def _rows(text: str, how: CsvMapping) -> Iterator[tuple[UsageRow, CostRow | None]]:
    reader = csv.DictReader(io.StringIO(text), delimiter=how.delimiter)
    lacking = [column for column in how.columns.values() if column not in (reader.fieldnames or ())]
    if lacking:
        raise InputError(
            "mapping",
            f"the file has no column {lacking[0]!r}",
            f"it has {', '.join(reader.fieldnames or ())}"[:300],
        )
    for number, row in enumerate(reader, start=2):
        if number > MOST_ROWS:
            raise InputError("file", f"has more than {MOST_ROWS} lines", "import a shorter time")
        try:
            yield _row(row, how)
        except (ArithmeticError, ValueError, Refused) as error:
            raise InputError("file", f"line {number}: {error}") from None


def _row(row: Mapping[str, Any], how: CsvMapping) -> tuple[UsageRow, CostRow | None]:
    def cell(name: str) -> str:
        return str(row.get(how.columns.get(name, "")) or "").strip()

    def count(name: str) -> int:
        found = cell(name).replace("_", "").replace("\u202f", "")
        try:
            value = Decimal(found or 0)
        except ArithmeticError:
            raise ValueError(f"{name} is no whole number") from None
        if value.is_signed() and value:
            raise ValueError(f"{name} is less than nothing")
        return counted(value, name)

    day = _day(cell("day"), how.zone)
    cached, written = count("cached"), count("cache_write")
    fresh = count("input") - (cached + written if how.holds_cached else 0)
    if fresh < 0:
        raise ValueError("more input was cached than there was")
    usage = UsageRow(
        start=midnight(day),
        width=DAY,
        model=cell("model")[:200],
        counts=Counts(fresh, cached, written, 0, count("output")),
        requests=count("requests") if "requests" in how.columns else None,
        key=cell("key")[:200] if "key" in how.columns else None,
        told=how.tells_tokens,
        raw={name: cell(name) for name in how.columns},
    )
    if "amount" not in how.columns:
        return usage, None
    amount = money(cell("amount") or "0") / how.unit
    if abs(amount) >= MOST_AMOUNT:
        raise ValueError("an amount is too large")
    return usage, CostRow(
        day,
        usage.model,
        usage.model or "all",
        WHOLE if usage.model else "",
        amount,
        how.currency,
        key=usage.key,
    )


def _day(text: str, zone: ZoneInfo) -> date:
    moment = datetime.fromisoformat(text)
    if moment.year not in YEARS:
        raise ValueError(f"{text[:40]!r} is too far away")
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).date()
    noon = datetime.combine(moment.date(), time(12), zone)
    return noon.astimezone(UTC).date()
