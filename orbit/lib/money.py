"""Money is integer nano-units (billionths) of its currency."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

NANO = 1_000_000_000
LIMIT = 2**53  # Lua's numbers are exact below it


def nano(amount: str | int | Decimal) -> int:
    """`"12.50"` to 12_500_000_000. ValueError when it is no finite amount in whole nano-units below 2^53."""
    try:
        value = Decimal(amount)
    except InvalidOperation as error:
        raise ValueError('must be an amount such as "12.50"') from error
    if not value.is_finite():
        raise ValueError("must be a finite amount")
    scaled = value * NANO
    if scaled != scaled.to_integral_value():
        raise ValueError("has more than nine decimal places")
    if abs(scaled) >= LIMIT:
        raise ValueError(f"must be below {LIMIT // NANO}")
    return int(scaled)


def amount(value: int) -> str:
    """Nano-units as a plain decimal with at least two places: 12.50, 0.000123."""
    text = f"{Decimal(value) / NANO:f}"
    whole, _, places = text.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"
