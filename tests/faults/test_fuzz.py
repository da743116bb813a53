"""A short, seeded piece of what `make faults` does for ten minutes."""

import json
import random
from collections.abc import Iterator

import pytest

from faults import fuzz, mutations, samples
from faults.stage import Stage

pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def spoilt() -> Iterator[Stage]:
    with fuzz.spoilt(None, workers=1) as made:
        yield made


@pytest.mark.parametrize("seed", range(2))
def test_spoilt_calls_and_answers_end_in_documented_ways(spoilt: Stage, seed: int) -> None:
    spoilt.begin()
    found = fuzz.run(spoilt, random.Random(seed), cases=150, hangs_s=60)
    assert "\n".join(found.wrongs) == ""
    assert found.figures["answered"] != 0
    assert found.figures["reached"] != 0


def test_mutations_change_what_they_are_given_and_nothing_else() -> None:
    chance, body = random.Random(1), samples.chat_body("m", "text")
    before = json.dumps(body)
    found = {mutations.written(mutations.mutated(body, chance)) for _ in range(300)}
    assert json.dumps(body) == before
    assert len(found) > 280
