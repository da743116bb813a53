"""A finding that goes on for long is looked at a few times, however small the pieces are in which it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dlp.findings import Finding
from proxy.personal.asking import Said
from proxy.personal.findings import Findings, Looked
from proxy.personal.inspection import Inspection
from proxy.personal.ways import MOST_HELD, Masking
from tests.proxy.personal.test_inspected_streams import way
from tests.proxy.personal.test_named_streams import way as way_with_names

PATTERN = {"name": "LONG", "pattern": r"BEGIN[a-z .\n]+"}


class Counting(Findings):
    """Counts the characters that are looked through."""

    characters = 0

    def unremembered(self, policy: Any, text: str, *given: Any) -> Looked:
        self.characters += len(text)
        return super().unremembered(policy, text, *given)


def counting(made: Masking) -> Counting:
    inspection: Inspection = made.inspection
    inspection.findings = Counting()
    return inspection.findings


def fed(made: Masking, said: str, size: int) -> str:
    pieces = made.pieces(in_json=False)
    out = [pieces.feed(said[at : at + size]) for at in range(0, len(said), size)]
    return "".join([*out, pieces.finish()])


@pytest.mark.parametrize("length", [1_000, 5_000, MOST_HELD - 500])
def test_long_finding_is_looked_at_a_few_times(length: int) -> None:
    made = way(types=["LONG"], patterns=[PATTERN])
    looked = counting(made)
    said = "It is BEGIN" + "some more words. " * (length // 17) + "9 and so on."
    assert fed(made, said, 4) == "It is [LONG]9 and so on."
    assert looked.characters < 8 * len(said)


def test_finding_without_end_goes_on_in_parts_each_looked_at_a_few_times() -> None:
    made = way(types=["LONG"], patterns=[PATTERN])
    looked = counting(made)
    said = "BEGIN" + "word " * (3 * MOST_HELD // 5)
    assert fed(made, said, 7).startswith("[LONG]")
    assert looked.characters < 8 * len(said)


def test_long_finding_counts_once_towards_the_cap() -> None:
    made = way(types=["LONG"], patterns=[PATTERN], max_bytes=9_000)
    said = "It is BEGIN" + "word " * 1_600 + "9."
    assert fed(made, said, 4) == "It is [LONG]9."
    assert "uninspected" not in made.inspection.told()


def test_model_reads_a_long_finding_a_few_times() -> None:
    read = 0

    def model(texts: Sequence[str]) -> Said:
        nonlocal read
        read += sum(map(len, texts))
        return Said(
            {one: (Finding(len(one) // 9, len(one), "PERSON", 0.9, "model.person"),) for one in texts}
        )

    made = way_with_names(model)  # type: ignore[arg-type]
    said = "So it was written by hand. " * 300
    fed(made, said, 4)
    assert read < 10 * len(said)


@pytest.mark.parametrize("hold_back", [500, 4_000])
def test_what_waits_long_is_not_looked_at_for_every_few_words(hold_back: int) -> None:
    made = way(hold_back=hold_back)
    looked = counting(made)
    said = "word " * 5_000
    assert fed(made, said, 5) == said
    assert looked.characters < 8 * len(said)
