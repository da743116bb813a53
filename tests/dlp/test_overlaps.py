from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dlp.detectors.scan import Detector
from dlp.findings import Finding, resolved
from dlp.kinds import Kind

spans = st.builds(
    lambda start, length, score: Finding(start, start + length, "K", score, "r"),
    st.integers(0, 40),
    st.integers(1, 12),
    st.sampled_from([0.5, 0.7, 0.9]),
)


@given(st.lists(spans, max_size=30))
def test_those_that_stay_do_not_overlap_and_what_goes_lost_to_a_better_one(found: list[Finding]) -> None:
    kept = resolved(found)
    assert all(left.end <= right.start for left, right in pairwise(kept))
    for one in found:
        rivals = [other for other in kept if other.start < one.end and one.start < other.end]
        assert rivals
        assert max(other.score for other in rivals) >= one.score


def test_password_in_a_url_is_no_address_of_mail(detector: Detector) -> None:
    found = detector.scan("https://anna:Pa55word!x@example.org/").findings
    assert [one.kind for one in found] == [Kind.URL_CREDENTIALS]
