"""Dated rates taken in from a file, and those that a report needs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from billing.exchange.models import ExchangeRate
from orbit.lib import access
from orbit.lib.errors import InputError

COLUMNS = ("day", "base", "quote", "rate")
CODE = re.compile(r"[A-Z]{3}")
MOST_PLACES, MOST = 10, Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class Steps:
    """The rates of one pair in the order of their days; `since` are the moments from which each holds."""

    currency: str
    since: tuple[datetime, ...]
    rates: tuple[Decimal, ...]
    source: str


def reporting_currency(own: str) -> str:
    """The installation's, where it is another one than an organization's own; else empty."""
    wanted: str = settings.ORBIT_REPORTING_CURRENCY
    return "" if wanted == own else wanted


def steps(base: str, until: datetime) -> Steps | None:
    """What turns `base` into the reporting currency up to a moment. None where there is no such currency."""
    quote = reporting_currency(base)
    if not quote:
        return None
    rows = ExchangeRate.objects.filter(base=base, quote=quote, day__lte=until.astimezone(UTC).date())
    found = list(rows.order_by("day").values_list("day", "rate", "source"))
    return Steps(
        quote,
        tuple(datetime.combine(day, time(), UTC) for day, _, _ in found),
        tuple(rate for _, rate, _ in found),
        found[-1][2] if found else "",
    )


def take_in(file: str, source: str, *, backfill: bool = False) -> int:
    """Adds the rates of a CSV file; returns how many were new. All or none.

    InputError names the line. A rate that is there already stays: another one for the same day is refused, and so is, without
    `backfill`, a day before the newest of its pair, which reports have reckoned with another.
    """
    if not source.strip() or len(source) > 120:
        raise InputError("--source", "must be 1 to 120 characters.", "Name where the rates are from.")
    wanted = {(one.base, one.quote, one.day): one for one in _read(file, source)}
    with access.operator(), transaction.atomic(using="operator"):
        known = {
            (one.base, one.quote, one.day): one.rate
            for one in ExchangeRate.objects.filter(day__in={day for _, _, day in wanted})
        }
        pairs = ExchangeRate.objects.order_by().values_list("base", "quote").annotate(newest=Max("day"))
        newest = {(base, quote): day for base, quote, day in pairs}
        for key, one in wanted.items():
            if key in known and known[key] != one.rate:
                raise InputError(
                    "FILE",
                    f"{one.base}/{one.quote} of {one.day} is {known[key].normalize():f} already, not {one.rate:f}.",
                    "Rates of the past stay, so that reports do.",
                )
            if key not in known and not backfill and one.day < newest.get(key[:2], one.day):
                raise InputError(
                    "FILE",
                    f"{one.base}/{one.quote} of {one.day} is older than the newest, and would change reports of its time.",
                    "With --backfill it is taken in all the same.",
                )
        new = [one for key, one in wanted.items() if key not in known]
        ExchangeRate.objects.bulk_create(new, batch_size=1000)
    return len(new)


def _read(file: str, source: str) -> Iterator[ExchangeRate]:
    try:
        lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("FILE", f"{file} cannot be read: {error}") from None
    rows = csv.DictReader(lines)
    if rows.fieldnames is None or set(rows.fieldnames) != set(COLUMNS):
        raise InputError("FILE", f"must begin with the line {','.join(COLUMNS)}.")
    for row in rows:
        yield _rate(row, f"line {rows.line_num}", source)


def _rate(row: dict[str, str | None], where: str, source: str) -> ExchangeRate:
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        day = date.fromisoformat(given["day"])
    except ValueError:
        raise InputError(f"{where}: day", f"{given['day']!r} is no day.", "Write it as 2026-11-30.") from None
    for name in ("base", "quote"):
        if not CODE.fullmatch(given[name]):
            raise InputError(f"{where}: {name}", f"{given[name]!r} is no currency.", "Such as EUR.")
    if given["base"] == given["quote"]:
        raise InputError(f"{where}: quote", "is the same as base.")
    try:
        rate = Decimal(given["rate"])
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or not 0 < rate < MOST or rate != round(rate, MOST_PLACES):
        raise InputError(
            f"{where}: rate",
            f"{given['rate']!r} must be more than 0, with at most {MOST_PLACES} places.",
            "Such as 0.9234: how many of quote one unit of base is.",
        )
    return ExchangeRate(day=day, base=given["base"], quote=given["quote"], rate=rate, source=source.strip())
