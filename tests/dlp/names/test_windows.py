from __future__ import annotations

import pytest

from dlp.names.windows import OVERLAP, SIZE, windows


@pytest.mark.parametrize("tokens", [0, 1, 2, 173, 174, 175, 189, 190, 191, 348, 349, 1000, 5001])
def test_each_token_counts_once_and_the_model_has_room(tokens: int) -> None:
    made = list(windows(tokens))
    assert [place for one in made for place in range(one.first, one.last)] == list(range(tokens))
    assert all(one.start <= one.first < one.last <= one.end <= one.start + SIZE - 2 for one in made)


def test_what_counts_has_tokens_around_it() -> None:
    made = list(windows(1000))
    assert all(one.first - one.start >= OVERLAP // 2 for one in made[1:])
    assert all(one.end - one.last >= OVERLAP // 2 for one in made[:-1])
