"""How long calls took, as counts of logarithmic bins that add up: pure.

A histogram is one whole number: the count of bin i is its i-th digit to the base of 10^12. Adding two numbers adds all of
their bins, so that Postgres keeps a histogram in one `numeric` column and merges any number of them with `sum()`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

DIGITS = 12  # more calls than one bin of any sum will see
BASE = 10**DIGITS
_FIRST_MS, _PER_OCTAVE, _BINS = (
    8,
    4,
    66,
)  # up to eleven minutes; each bin is a fifth wider than the one before

# The longest time that each bin holds, in milliseconds. One more bin holds whatever took longer.
BOUNDS: tuple[int, ...] = tuple(
    round(_FIRST_MS * math.pow(2, number / _PER_OCTAVE)) for number in range(_BINS)
)
_UNITS: tuple[int, ...] = tuple(BASE**number for number in range(_BINS + 1))


def unit(ms: int) -> int:
    """The histogram of one call."""
    return _UNITS[bisect_left(BOUNDS, ms)]


def of(times: Iterable[int | None]) -> int:
    """The histogram of calls; None is one of which no time is known."""
    return sum([_UNITS[bisect_left(BOUNDS, ms)] for ms in times if ms is not None])


@lru_cache(4096)
def written(histogram: int) -> str:
    """For Postgres, short: of hundreds of digits nearly all are zeros at the end, and the same ones come again."""
    digits = str(histogram)
    kept = digits.rstrip("0")
    return f"{kept}e{len(digits) - len(kept)}" if kept else "0"


def counts(histogram: int) -> list[int]:
    """Of the bins from the lowest up; those above the last that has any are left out."""
    first, found = _bins(histogram)
    return [0] * first + found


def _bins(histogram: int) -> tuple[int, list[int]]:
    """The number of the lowest bin that has any, and the counts from there up: by digits, since to divide takes far longer."""
    if not histogram:
        return 0, []
    digits = str(histogram)
    first = (len(digits) - len(digits.rstrip("0"))) // DIGITS
    digits = digits[: len(digits) - first * DIGITS]
    digits = "0" * (-len(digits) % DIGITS) + digits
    return first, [int(digits[at : at + DIGITS]) for at in range(len(digits) - DIGITS, -1, -DIGITS)]


def total(histogram: int) -> int:
    return sum(counts(histogram))


def percentile(histogram: int, part: float) -> int | None:
    """By nearest rank, in milliseconds: right to within the width of its bin. None of nothing."""
    return percentiles(histogram, (part,))[0]


def percentiles(histogram: int, parts: Sequence[float]) -> list[int | None]:
    """The same for several parts, which rise."""
    if not histogram:
        return [None] * len(parts)
    first, bins = _bins(histogram)
    seen = list(accumulate(bins))
    found: list[int | None] = []
    for part in parts:
        rank = max(1.0, part * seen[-1])
        at = bisect_left(seen, rank)
        found.append(_inside(first + at, (rank - seen[at] + bins[at]) / bins[at]) if at < len(bins) else None)
    return found


def _inside(number: int, share: float) -> int:
    """So far into a bin, whose times are taken to be spread evenly over its logarithm."""
    if number >= len(BOUNDS):
        return BOUNDS[-1]
    high = BOUNDS[number]
    low = BOUNDS[number - 1] if number else 1
    return round(low * math.pow(high / low, share))
