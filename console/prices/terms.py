"""The terms of a contract price: read from a form, and said in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from console.acts import typed
from console.templatetags.figures import compact_unit
from orbit.lib.errors import InputError
from orbit.lib.money import amount, signed
from quotas.contracts import rates_document
from quotas.rates import PARTS, UNITS, WHOLES
from tenants.schema import values
from tenants.services.saved import valid

KINDS = {
    "discount": "A discount on the price book",
    "markup": "A mark-up on the price book",
    "rates": "Prices of its own",
    "free": "It costs nothing",
}
EMPTY: dict[str, str] = {"kind": "discount"}
_PLAIN = ("provider", "model", "account", "source", "kind", "percent", "first", "last")
OTHER_TOKENS = {name: name.replace("_", " ").capitalize() for name in PARTS}
OTHER_UNITS = {
    f"units.{name}": f"{name.replace('_', ' ').capitalize()}{f', per {compact_unit(per)}' if per > 1 else ', each'}"
    for name, per in UNITS.items()
}


class Terms(Protocol):
    """What a contract price and a proposal of one have in common."""

    rates: dict[str, Any] | None
    discount_percent: Decimal | None


def given(request: HttpRequest) -> dict[str, str]:
    """What was typed, by the form's names."""
    return typed(request, *_PLAIN, *WHOLES, *OTHER_TOKENS, *OTHER_UNITS)


def read(form: dict[str, str], zone: ZoneInfo) -> dict[str, Any]:
    """As `propose_price` takes them; days are days of the zone. InputError names the field of the form that is wrong."""
    kind = form["kind"]
    if kind not in KINDS:
        raise InputError("kind", "is not known", "choose one of the four")
    return {
        "provider": valid("provider", values.name, form["provider"]),
        "model": valid("model", values.price_pattern, form["model"]),
        "account": form["account"],
        "rates": None if kind in ("discount", "markup") else _rates(form, free=kind == "free"),
        "discount_percent": _percent(form["percent"], kind) if kind in ("discount", "markup") else None,
        "valid_from": _midnight("first", form["first"], zone),
        "valid_until": _midnight("last", form["last"], zone, days=1),
        "source": form["source"],
    }


def _rates(form: dict[str, str], *, free: bool) -> dict[str, Any]:
    if free:
        return rates_document({}, free=True)
    amounts = {name: form[name] for name in (*WHOLES, *PARTS) if form[name]}
    units = {name.removeprefix("units."): form[name] for name in OTHER_UNITS if form[name]}
    return rates_document(amounts, units or None)


def _percent(text: str, kind: str) -> Decimal:
    try:
        percent = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        raise InputError("percent", "is no number", "such as 12.5") from None
    if not percent.is_finite() or percent <= 0:
        raise InputError("percent", "must be more than 0", "such as 12.5")
    return percent if kind == "discount" else -percent


def _midnight(name: str, text: str, zone: ZoneInfo, *, days: int = 0) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise InputError(name, f"{text!r} is no day", "write it as 2026-11-30") from None
    if not 2000 <= day.year <= 2200:
        raise InputError(name, "is too far away", "choose another day")
    return datetime.combine(day, time(), zone).astimezone(UTC)


def said(one: Terms, currency: str) -> str:
    """`12.5 % off the price book`, `input $2.00, output $8.00 per million tokens; images $0.04 each`."""
    if one.discount_percent is not None:
        off = one.discount_percent >= 0
        percent = f"{abs(one.discount_percent).normalize():f} %"
        return f"{percent} off the price book" if off else f"{percent} on top of the price book"
    rates = one.rates or {}
    if rates.get("free"):
        return "costs nothing"
    tokens = [_named(name, rates[name], currency) for name in (*WHOLES, *PARTS) if name in rates]
    units = [
        f"{_named(name, nano, currency)} {f'per {compact_unit(UNITS[name])}' if UNITS[name] > 1 else 'each'}"
        for name, nano in rates.get("units", {}).items()
    ]
    return "; ".join([", ".join(tokens) + " per million tokens", *units])


def _named(name: str, nano: int, currency: str) -> str:
    return f"{name.replace('_', ' ')} {signed(nano, amount(nano), currency)}"
