"""Input tokens: a bound that holds for anything, and a count near the provider's."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import estimate, tokens

chat = st.lists(st.text(max_size=400), min_size=1, max_size=6).map(
    lambda texts: {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]}
)


@given(chat)
@settings(max_examples=60, deadline=None)
async def test_bound_is_never_below_the_count(body: dict[str, object]) -> None:
    size = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    counted = await estimate.exact(body, "gpt-4o-mini")
    assert estimate.bound(body, size) >= counted


def test_known_counts() -> None:
    assert tokens.count("hello world") == 2
    assert tokens.count("") == 0
    assert tokens.count("<|endoftext|>") == 7  # as plain text, not as one special token


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, " " * 1_100_000, "\t" * 1_100_000, "\u00a0" * 1_100_000, "ab" * 400_000]
)
def test_pathological_text_is_counted(text: str) -> None:
    assert 0 < tokens.count(text) <= len(text.encode())


async def test_images_count_as_the_most_that_they_can_be() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    body = {"messages": [{"role": "user", "content": [part, part]}]}
    assert await estimate.exact(body, "gpt-4o") >= 2 * estimate.REMOTE_IMAGE_TOKENS


async def test_token_ids_count_one_each() -> None:
    assert (
        await estimate.exact({"input": [[1, 2, 3], [4]]}, "text-embedding-3-small")
        == 4 + estimate.REPLY_TOKENS
    )


@pytest.mark.parametrize(
    ("model", "factor"),
    [("gpt-4o-mini", 1.0), ("openai/o3-mini", 1.0), ("mistral-large", 1.2), ("some-new-model", 1.3)],
)
def test_other_vendors_counts_are_padded(model: str, factor: float) -> None:
    assert tokens.factor(model) == factor
