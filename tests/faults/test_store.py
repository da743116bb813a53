"""The store forgets everything, or says nothing, while calls run."""

import random

import pytest

from faults import stores
from faults.stage import Stage


@pytest.mark.xdist_group("faults")
def test_lost_counters_admit_nothing_over_the_limit_and_are_rebuilt_to_the_nano(deadly: Stage) -> None:
    found = stores.flush(deadly, random.Random(1), calls=120)
    assert found.wrongs == []
    assert found.figures["over"] == 0


@pytest.mark.full
@pytest.mark.xdist_group("faults")
def test_silent_store_closes_money_and_shares_out_smooth_requests(impatient: Stage) -> None:
    found = stores.blackhole(impatient, random.Random(1), (3.0, 3.0))
    assert found.wrongs == []
    assert (found.figures["unknown_keys"], found.figures["smooth_over"]) == (0, 0)
