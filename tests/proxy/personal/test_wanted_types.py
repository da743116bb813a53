"""What a rule wants is found even where something that no rule wants stands as well, and would score better."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dlp.findings import Finding
from dlp.policy import Direction
from proxy.personal import findings as module
from tests.proxy.personal.test_inspected_streams import FINDINGS, way


def done(text: str, *types: str) -> list[tuple[str, str]]:
    policy = way(types=types).inspection.policy
    looked = FINDINGS.of(policy, "o", text, "", Direction.REQUEST)
    return [(one.finding.value(text), one.action.value) for one in looked.decided]


@pytest.mark.parametrize(
    ("text", "types", "found"),
    [
        ("password: P@ssw0rd.de", ["SECRET"], "P@ssw0rd.de"),
        ("https://anna:Pa55word!x@example.org/", ["URL_CREDENTIALS"], "anna:Pa55word!x"),
        ("https://anna:Pa55word!x@example.org/", ["EMAIL_ADDRESS"], "x@example.org"),
    ],
)
def test_what_a_rule_wants_is_found_behind_what_none_wants(
    text: str, types: Sequence[str], found: str
) -> None:
    assert [value for value, _ in done(text, *types)] == [found]


def test_better_score_still_wins_where_one_rule_wants_both() -> None:
    assert done("https://anna:Pa55word!x@example.org/", "*") == [("anna:Pa55word!x", "mask")]


def test_text_with_too_many_findings_is_told_to_be_inspected_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IN_ALL", 3)
    text = "a@example.org " * 4
    looked = FINDINGS.of(way().inspection.policy, "o", text, "", Direction.REQUEST)
    assert (len(looked.decided), looked.capped) == (3, True)


def test_questions_about_places_grow_with_the_findings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    class Counted(Finding):
        def __lt__(self, other: Finding) -> bool:
            nonlocal compared
            compared += 1
            return (self.start, self.end) < (other.start, other.end)

    found = [Counted(at * 20, at * 20 + 10, "EMAIL_ADDRESS", 0.9, "r") for at in range(2_000)]
    decided = way().inspection.policy.decided(found, "x" * 40_000, Direction.REQUEST)
    assert len(decided) == 2_000
    assert compared < 2_000 * 20
