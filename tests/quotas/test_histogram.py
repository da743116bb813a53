from __future__ import annotations

import random
from decimal import Decimal

import pytest

from quotas import histogram
from quotas.histogram import BOUNDS


def test_sums_of_histograms_are_histograms_of_all() -> None:
    seeded = random.Random(3)
    times = [[seeded.randrange(1, 700_000) for _ in range(50)] for _ in range(4)]
    apart = [sum(map(histogram.unit, some)) for some in times]
    assert sum(apart) == sum(histogram.unit(ms) for some in times for ms in some)
    assert histogram.total(sum(apart)) == 200


@pytest.mark.parametrize("part", [0.01, 0.5, 0.95, 1.0])
def test_percentile_is_right_to_within_a_fifth(part: float) -> None:
    seeded = random.Random(5)
    times = sorted(int(seeded.lognormvariate(7, 1.2)) + 8 for _ in range(999))
    exact = times[max(1, -int(-part * len(times) // 1)) - 1]
    found = histogram.percentile(sum(map(histogram.unit, times)), part)
    assert found is not None
    assert exact / 1.2 <= found <= exact * 1.2


def test_each_bin_holds_its_bound_and_not_the_next_millisecond() -> None:
    for bound in BOUNDS:
        assert histogram.unit(bound) < histogram.unit(bound + 1)


def test_none_took_no_time_and_the_longest_are_the_last_bound() -> None:
    assert histogram.percentile(0, 0.5) is None
    assert histogram.percentile(histogram.unit(0), 0.5) is not None
    assert histogram.percentile(histogram.unit(10**8), 0.95) == BOUNDS[-1]


def test_short_text_of_a_histogram_is_its_number() -> None:
    one, apart = histogram.unit(2_000), histogram.unit(2_000) * 120 + histogram.unit(10)
    for made in (0, one, 10 * one, apart, histogram.unit(10**9)):
        assert int(Decimal(histogram.written(made))) == made
    assert len(histogram.written(10 * one)) < 6
