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


@pytest.mark.full
@pytest.mark.parametrize(
    "fault", ["refused", *(pytest.param(one, marks=pytest.mark.full) for one in ("429", "500", "silent TLS"))]
)
def test_all_are_served_by_the_second_and_the_first_is_left_alone(moody: Stage, fault: str) -> None:
    moody.begin()
    # a busy machine tells its workers late: how soon they know is for `make faults`
    found = storms.trial(moody, random.Random(1), fault=fault, calls=60, known_s=4, heals=fault == "500")
    assert "\n".join(found.wrongs) == ""
