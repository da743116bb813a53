"""SIGKILL to workers in the middle of their streams."""

import random

import pytest

from faults import kills
from faults.stage import Stage


@pytest.mark.xdist_group("faults")
def test_after_the_lease_nothing_is_held_and_every_call_is_recorded_once(deadly: Stage) -> None:
    found = kills.kills(deadly, random.Random(1), calls=45)
    assert found.wrongs == []
    assert found.units >= 3, "too few workers died to prove anything"
    assert found.figures["lapsed"], "the kills met no call"
