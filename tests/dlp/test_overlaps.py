from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.detectors.scan import Detector
from dlp.findings import Finding, combined, resolved
from dlp.kinds import Kind
from dlp.policy import Direction, inspecting
from tenants.schema import policy_document

spans = st.builds(
    lambda start, length, score: Finding(start, start + length, "K", score, "r"),
    st.integers(0, 40),
    st.integers(1, 12),
    st.sampled_from([0.5, 0.7, 0.9]),
)
SIGNS = "abc, def; (ghi) jklm. nop: qrstu vw, xyz and so on.."  # as long as the last of the spans


def covered(found: list[Finding]) -> set[int]:
    return {place for one in found for place in range(one.start, one.end) if SIGNS[place].isalnum()}


@given(st.lists(spans, max_size=30))
def test_those_that_stay_do_not_overlap_and_what_goes_lost_to_a_better_one(found: list[Finding]) -> None:
    kept = resolved(found, "x" * 60)
    assert all(left.end <= right.start for left, right in pairwise(kept))
    for one in found:
        rivals = [other for other in kept if other.start < one.end and one.start < other.end]
        assert rivals
        assert max(other.score for other in rivals) >= one.score


@given(st.lists(spans, max_size=20), st.lists(spans, max_size=20))
def test_no_letter_of_a_finding_is_left_out(rules: list[Finding], model: list[Finding]) -> None:
    kept = resolved(rules, SIGNS)
    assert covered(kept) == covered(rules)
    both = combined(kept, model, SIGNS)
    assert covered(both) == covered([*rules, *model])
    assert all(left.end <= right.start for left, right in pairwise(both))
    assert {*kept} <= {*both}


TEXT = "to Anna Maria Smith, Oslo"


@pytest.mark.parametrize(
    ("winner", "loser", "rest"),
    [
        (("Anna", "SECRET", 0.9), ("Anna Maria Smith", "PERSON", 0.8), ["Maria Smith"]),
        (("Maria", "SECRET", 0.9), ("Anna Maria Smith", "PERSON", 0.8), ["Anna", "Smith"]),
        (("Smith, Oslo", "SECRET", 0.9), ("Anna Maria Smith", "PERSON", 0.8), ["Anna Maria"]),
        (("Anna Maria Smith", "SECRET", 0.9), ("Maria", "PERSON", 0.8), []),
        (("Anna Maria Smith", "SECRET", 0.9), ("Anna Maria Smith,", "PERSON", 0.8), []),
    ],
)
def test_what_stands_out_beyond_the_winner_stays_as_the_losers_type(
    winner: tuple[str, str, float], loser: tuple[str, str, float], rest: list[str]
) -> None:
    first, second = (
        Finding(TEXT.index(value), TEXT.index(value) + len(value), kind, score, "r")
        for value, kind, score in (winner, loser)
    )
    for kept in (resolved([second, first], TEXT), combined([first], [second], TEXT)):
        assert first in kept
        assert [one.value(TEXT) for one in kept if one != first] == rest
        assert {one.kind for one in kept if one != first} <= {"PERSON"}


@pytest.mark.parametrize("weak", ["log", "mask"])
def test_rest_of_an_entry_is_treated_as_its_own_rule_says(weak: str) -> None:
    rules: list[dict[str, Any]] = [
        {"types": ["SECRET"], "action": "hash" if weak == "log" else weak},
        {"types": ["PERSON"], "action": weak},
    ]
    policy = inspecting([policy_document({"dlp": {"rules": rules}})])
    assert policy is not None
    secret, name = Finding(3, 7, "SECRET", 0.9, "a"), Finding(3, 19, "PERSON", 0.8, "b")
    decided = policy.decided([name, secret], TEXT, Direction.REQUEST)
    assert [(one.finding.value(TEXT), one.action.value) for one in decided] == [
        ("Anna", rules[0]["action"]),
        ("Maria Smith", weak),
    ]


def test_password_in_a_url_is_no_address_of_mail(detector: Detector) -> None:
    found = detector.scan("https://anna:Pa55word!x@example.org/").findings
    assert [one.kind for one in found] == [Kind.URL_CREDENTIALS]
