"""Money is exact: integer nano-units, no floats on the way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit.lib import money


@given(st.integers(min_value=0, max_value=money.LIMIT - 1))
def test_amounts_survive_writing_and_reading(value: int) -> None:
    assert money.nano(money.amount(value)) == value


@pytest.mark.parametrize(
    ("text", "nano"), [("12.50", 12_500_000_000), ("0.000000001", 1), ("0", 0), (Decimal("1e3"), 10**12)]
)
def test_amounts_are_read_exactly(text: str, nano: int) -> None:
    assert money.nano(text) == nano


@pytest.mark.parametrize("value", [0, 5, -123, 12_500_000_000, -(10**20)])
def test_sums_of_postgres_are_written_as_whole_numbers_are(value: int) -> None:
    assert money.amount(Decimal(value)) == money.amount(value)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "0.0000000001", "9007199.254740992", "1e400"])
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs by cause
        money.nano(text)
