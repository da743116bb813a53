"""A crowd whose first account fails, small."""

import random
from collections.abc import Iterator

import pytest

from faults import storms
from faults.stage import Stage

pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def moody() -> Iterator[Stage]:
    with storms.moody(None, workers=2) as made:
        yield made


@pytest.mark.parametrize("fault", ["429", "500", "refused", "silent TLS"])
def test_all_are_served_by_the_second_and_the_first_is_left_alone(moody: Stage, fault: str) -> None:
    moody.begin()
    found = storms.trial(moody, random.Random(1), fault=fault, calls=60, heals=fault == "500")
    assert "\n".join(found.wrongs) == ""
