"""Figures as people read them. What is unknown is called so: it is never shown as zero."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from orbit.lib.money import amount, legible, signed

register = template.Library()

# A filter meets None, and an empty string for what a template names in vain: whatever is no number is unknown.
UNKNOWN = "unknown"


@register.filter
def meter_name(meter: str) -> str:
    """As a limit is spoken of: `300 input tokens`, `5 calls in flight`."""
    return "calls in flight" if meter == "concurrency" else meter.replace("_", " ")


@register.filter
def whole(value: int | None) -> str:
    """1234567 to 1,234,567."""
    return f"{value:,}" if isinstance(value, int) else UNKNOWN


@register.filter
def compact(value: int | None) -> str:
    """Large counts in few characters: 9,876, 12.3K, 4.57M."""
    if not isinstance(value, int) or abs(value) < 10_000:
        return whole(value)
    scaled = float(value)
    for unit in ("K", "M", "B"):
        scaled /= 1000
        if abs(scaled) < 999.5:
            return f"{scaled:.3g}{unit}"
    return f"{scaled / 1000:,.3g}T"


@register.filter
def compact_unit(count: int) -> str:
    """Of what a price is for so many: 1,000,000 to million."""
    return {1_000_000: "million", 1_000: "thousand", 3_600: "hour"}.get(count, whole(count))


@register.filter
def money(value_nano: int | None, currency: str | None = "USD") -> str:
    """Two places, and three significant figures of what is small: $1,234.50, $0.0123, $0.000123."""
    return legible(value_nano, currency or "USD") if isinstance(value_nano, int) else UNKNOWN


@register.filter
def exact_money(value_nano: int | None, currency: str | None = "USD") -> str:
    """To the last nano-unit: $0.000123457."""
    if not isinstance(value_nano, int):
        return UNKNOWN
    return signed(value_nano, amount(abs(value_nano)), currency or "USD")


@register.simple_tag
def metered(value: int | None, meter: str, currency: str | None = "USD") -> str:
    """An amount of a limit, in the unit of its meter."""
    return money(value, currency) if meter == "cost" else compact(value)


@register.filter
def share(part: int, of: int) -> str:
    """A part of a whole in per cent; nothing to divide is a dash."""
    if not of:
        return "–"
    percent = 100 * part / of
    if part and percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}".removesuffix(".0") + "%"


@register.filter
def took(milliseconds: int | None) -> str:
    """840 ms, 1.24 s, 3 min 5 s."""
    if not isinstance(milliseconds, int):
        return UNKNOWN
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.3g} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


@register.filter
def until(moment: datetime | None) -> str:
    """How long from now: in 42 s, in 3 h 5 min, in 8 days."""
    if moment is None:
        return ""
    left = max(moment - timezone.now(), timedelta())
    minutes, seconds = divmod(int(left.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days > 1:
        return f"in {days} days"
    if days or hours:
        return f"in {days * 24 + hours} h {minutes} min"
    return f"in {minutes} min" if minutes else f"in {seconds} s"
