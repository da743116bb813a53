"""Money is integer nano-units (billionths) of its currency."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

NANO = 1_000_000_000
LIMIT = 2**53  # Lua's numbers are exact below it
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
_SIGNIFICANT = 3
_SMALL = Decimal("0.1")


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


def amount(value: int | Decimal) -> str:
    """Whole nano-units as a plain decimal with at least two places: 12.50, 0.000123. A sum of Postgres's is a Decimal."""
    whole, places = divmod(abs(int(value)), NANO)
    kept = f"{places:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if value < 0 else ''}{whole}.{kept}"


def legible(value: int, currency: str) -> str:
    """Two places, and three significant figures of what is small: $1,234.50, $0.0123, $0.000123."""
    size = Decimal(abs(value)) / NANO
    if size >= _SMALL or not size:
        return signed(value, f"{size:,.2f}", currency)
    places = min(_SIGNIFICANT - 1 - size.adjusted(), 9)
    return signed(value, f"{size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}", currency)


def signed(value: int, text: str, currency: str) -> str:
    """The text of an amount's size with its sign and its currency's."""
    return f"{'−' if value < 0 else ''}{SIGNS.get(currency, currency + ' ')}{text}"
