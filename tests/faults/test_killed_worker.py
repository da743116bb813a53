"""SIGKILL to workers in the middle of their streams."""

import random

import pytest

from faults import kills
from faults.stage import Stage


@pytest.mark.xdist_group("faults")
def test_after_the_lease_nothing_is_held_and_every_call_is_recorded_once(deadly: Stage) -> None:
    died, lapsed = 0, 0
    for seed in range(1, 5):  # one round may be over before a kill meets a call
        found = kills.kills(deadly, random.Random(seed), calls=45)
        assert found.wrongs == []
        died, lapsed = died + found.units, lapsed + bool(found.figures["lapsed"])
        if died >= 3 and lapsed:
            return
    pytest.fail(f"{died} workers died, over calls in {lapsed} rounds: too few to prove anything")
