from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from console.templatetags import figures


@pytest.mark.parametrize(
    ("nano", "shown"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (123_456, "$0.000123"),
        (460_000, "$0.000460"),
        (12_345_678, "$0.0123"),
        (500_000_000, "$0.50"),
        (999_999_999, "$1.00"),
        (1_234_500_000_000, "$1,234.50"),
        (-123_456, "−$0.000123"),
    ],
)
def test_money_is_legible_at_every_size(nano: int | None, shown: str) -> None:
    assert figures.money(nano, "USD") == shown


def test_meters_are_spoken_of_in_plain_words() -> None:
    assert [figures.meter_name(one) for one in ("input_tokens", "concurrency", "cost")] == [
        "input tokens",
        "calls in flight",
        "cost",
    ]


def test_exact_money_keeps_every_digit() -> None:
    assert figures.exact_money(1_000_000_123, "USD") == "$1.000000123"
    assert figures.exact_money(None) == "unknown"
    assert figures.exact_money(5, "CHF") == "CHF 0.000000005"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, "unknown"), (0, "0"), (9_999, "9,999"), (12_345, "12.3K"), (999_999, "1M"), (4_570_000, "4.57M")],
)
def test_large_counts_are_short(count: int | None, shown: str) -> None:
    assert figures.compact(count) == shown


@pytest.mark.parametrize(
    ("part", "of", "shown"), [(0, 0, "–"), (0, 5, "0%"), (1, 8, "12.5%"), (1, 9999, "<0.1%"), (5, 5, "100%")]
)
def test_shares(part: int, of: int, shown: str) -> None:
    assert figures.share(part, of) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(None, "unknown"), (0, "0 ms"), (840, "840 ms"), (1240, "1.24 s"), (185_000, "3 min 5 s")],
)
def test_durations(ms: int | None, shown: str) -> None:
    assert figures.took(ms) == shown


def test_until() -> None:
    now = timezone.now()
    assert figures.until(None) == ""
    assert figures.until(now - timedelta(hours=1)) == "in 0 s"
    assert figures.until(now + timedelta(minutes=5, seconds=9)) == "in 5 min"
    assert figures.until(now + timedelta(hours=30, seconds=9)) == "in 30 h 0 min"
    assert figures.until(now + timedelta(days=8, seconds=9)) == "in 8 days"
