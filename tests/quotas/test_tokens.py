"""Counting texts: the right vocabulary and padding by a model's name, and any text is counted to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas import families, tokens
from quotas.families import CL100K, O200K, Padding, family_of
from quotas.tokens import PIECE, VOCABULARIES, Counts, Vocabulary, count_off_loop, count_texts

HINDI = "नमस्ते, आज मौसम कैसा है? मुझे दिल्ली के बारे में बताइए। " * 20


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", O200K),
        ("gpt-4o-mini-2024-07-18", O200K),
        ("chatgpt-4o-latest", O200K),
        ("gpt-4.1-nano", O200K),
        ("gpt-4.5-preview", O200K),
        ("gpt-5", O200K),
        ("gpt-6", O200K),
        ("gpt-6.2-mini-2026-09-01", O200K),
        ("openai/gpt-6", O200K),
        ("o1-pro", O200K),
        ("o4-mini", O200K),
        ("ft:gpt-4.1-2025-04-14:acme::8kx", O200K),
        ("ft:gpt-3.5-turbo-0125:acme:mine:8kx", CL100K),
        ("gpt-oss-120b", O200K),
        ("openai.gpt-oss-20b-1:0", O200K),
        ("gpt-image-2", O200K),
        ("gpt-realtime", O200K),
        ("codex-mini-latest", O200K),
        ("gpt-4", CL100K),
        ("gpt-4-0613", CL100K),
        ("azure/gpt-4-turbo", CL100K),
        ("gpt-3.5-turbo", CL100K),
        ("gpt-35-turbo", CL100K),
        ("text-embedding-3-large", CL100K),
        ("davinci-002", CL100K),
        ("text-embedding-005", O200K),
        ("claude-opus-4-7", O200K),
        ("somebody/anything", O200K),
        ("", O200K),
    ],
)
def test_each_model_has_its_vocabulary(model: str, encoding: str) -> None:
    assert family_of(model).encoding == encoding


@pytest.mark.parametrize(
    ("model", "latin", "other"),
    [
        ("gpt-4o-mini", 1.0, 1.0),
        ("openai/o3-mini", 1.0, 1.0),
        ("ft:gpt-4.1-mini:acme::1", 1.0, 1.0),
        ("gpt-oss-120b", 1.0, 1.0),
        ("claude-3-haiku", 1.3, 1.3),
        ("claude-3-5-sonnet-20241022", 1.3, 1.3),
        ("claude-sonnet-4-20250514", 1.3, 1.3),
        ("claude-opus-4-6", 1.3, 1.3),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 1.3, 1.3),
        ("claude-sonnet-4@20250514", 1.3, 1.3),
        ("anthropic/claude-4.7-sonnet", 1.7, 1.7),
        ("claude-opus-4-7-20260801", 1.7, 1.7),
        ("claude-sonnet-5", 1.7, 1.7),
        ("claude-latest", 1.7, 1.7),
        ("models/gemini-2.5-pro", 1.2, 1.2),
        ("mistral-large-2411", 1.1, 1.1),
        ("mistral.mixtral-8x7b-instruct-v0:1", 1.1, 1.1),
        ("deepseek-chat", 1.15, 1.15),
        ("qwen.qwen3-32b-v1:0", 1.15, 1.15),
        ("meta-llama/Llama-3.3-70B-Instruct", 1.15, 1.15),
        ("us.meta.llama3-1-70b-instruct-v1:0", 1.15, 1.15),
        ("cohere.command-r-plus-v1:0", 1.2, 1.2),
        ("some-new-model", 1.3, 1.8),
        ("gpt-neox-20b", 1.3, 1.8),
    ],
)
def test_other_vendors_counts_are_padded(model: str, latin: float, other: float) -> None:
    assert family_of(model).padding == Padding(latin, other)


def test_every_vendor_has_a_padding() -> None:
    assert set(families.VENDORS.values()) - families.PADDINGS.keys() == {families.CLAUDE}


def test_known_counts() -> None:
    assert tokens.count("hello world") == 2
    assert tokens.count("") == 0
    assert tokens.count("<|endoftext|>") == 7  # as plain text, not as one special token
    assert tokens.count("お誕生日おめでとう") == 8
    assert tokens.count("お誕生日おめでとう", CL100K) == 9


def test_hindi_is_longer_in_the_older_vocabulary() -> None:
    assert tokens.count(HINDI, CL100K) > 2 * tokens.count(HINDI)


@pytest.mark.parametrize("name", [O200K, CL100K])
def test_vocabularies_are_those_of_tiktoken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiktoken's own definition, with its download replaced, names the same file and pattern."""
    openai_public = import_module("tiktoken_ext.openai_public")

    hashes = []

    def no_download(address: str, expected_hash: str) -> dict[bytes, int]:
        hashes.append(expected_hash)
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", no_download)
    theirs = getattr(openai_public, name)()
    assert (VOCABULARIES[name].sha256, VOCABULARIES[name].pattern) == (hashes[0], theirs["pat_str"])


def test_another_vocabulary_than_ours_is_refused() -> None:
    with pytest.raises(RuntimeError, match="o200k_base"):
        Vocabulary(O200K, "0" * 64, r"\S+").encoding()


def test_text_that_cannot_be_encoded_counts_its_bytes() -> None:
    assert Vocabulary(O200K, "0" * 64, r"\S+").count("naïve") == 6


class Panicking:
    def encode_ordinary(self, text: str) -> list[int]:
        raise self.error

    def __init__(self, error: BaseException) -> None:
        self.error = error


class PanicError(BaseException):
    """What the encoder throws is no Exception."""


def test_panic_of_the_encoder_counts_bytes() -> None:
    broken = Vocabulary(O200K, "", "", Panicking(PanicError()))  # type: ignore[arg-type]
    assert broken.count("abc") == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_wish_to_stop_passes_through(error: type[BaseException]) -> None:
    broken = Vocabulary(O200K, "", "", Panicking(error()))  # type: ignore[arg-type]
    with pytest.raises(error):
        broken.count("abc")


@contextmanager
def ticking() -> Iterator[list[int]]:
    """Counts the turns of the event loop meanwhile."""
    turns = [0]

    async def tick() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(tick())
    yield turns
    task.cancel()


PATHOLOGICAL = {
    "one letter": "a" * 1_000_000,
    "spaces": " " * 1_100_000,
    "tabs": "\t" * 1_100_000,
    "no-break spaces": "\u00a0" * 1_100_000,
    "spaces and a letter": " " * 1_100_000 + "a",
    "no blanks": "ab" * 400_000,
    "line ends": "\r\n" * 300_000,
    "special tokens": "<|endoftext|><|im_start|>" * 20_000,
    "lone surrogates": "\ud800" * 100_000,
    "marks": "e\u0301\u0302\u0303" * 100_000,
    "joined emoji": "\U0001f469\u200d" * 100_000,
    "digits": "7" * 500_000,
}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
@pytest.mark.parametrize("text", PATHOLOGICAL.values(), ids=PATHOLOGICAL.keys())
async def test_pathological_text_is_counted_and_nothing_waits(text: str, model: str) -> None:
    with ticking() as turns:
        counted = await count_off_loop(text, model)
    assert 0 < counted <= tokens.size_of(text)
    assert turns[0] >= len(text) // PIECE  # the loop has turned between the pieces at least


async def test_many_short_texts_are_counted_beside_the_loop() -> None:
    with ticking() as turns:
        assert await count_texts(["a"] * 200_000, "gpt-4o") == 200_000
    assert turns[0] >= 200_000 * tokens.TEXT // PIECE


async def test_short_text_is_counted_at_once() -> None:
    VOCABULARIES[O200K].encoding()
    with ticking() as turns:
        assert await count_off_loop("hello world") == 2
    assert turns[0] == 0


async def test_long_count_lets_a_short_one_pass() -> None:
    """They take turns, piece by piece; counts that are remembered would not show it."""
    done: list[str] = []

    async def run(name: str, text: str) -> None:
        await count_off_loop(text)
        done.append(name)

    varied = " ".join(str(number) for number in range(400_000))
    long = [asyncio.create_task(run("long", varied + str(n))) for n in range(4)]
    await asyncio.sleep(0)
    await run("short", " ".join(str(number) for number in range(900_000, 901_000)))
    await asyncio.gather(*long)
    assert done.index("short") == 0


@given(st.text(max_size=3000), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_pieces_joined_are_the_text(text: str, times: int) -> None:
    whole = text * times
    cut = list(tokens.pieces([whole]))
    assert "".join(cut) == whole
    assert all(len(piece) <= PIECE for piece in cut)


def test_cuts_are_made_at_blanks() -> None:
    cut = list(tokens.pieces(["word " * 40_000]))
    assert len(cut) > 1
    assert {piece[0] for piece in cut[1:]} == {" "}


async def test_cutting_changes_the_count_by_a_token_a_piece_at_most() -> None:
    text = "The quick brown fox jumps over 13 lazy dogs, doesn't it?\n" * 20_000
    whole = len(VOCABULARIES[O200K].encoding().encode_ordinary(text))
    assert 0 <= await count_off_loop(text) - whole <= len(text) // PIECE * 2


async def test_text_of_another_script_is_padded_more_for_an_unknown_model() -> None:
    plain, hindi = await count_off_loop("plain words " * 50), await count_off_loop(HINDI)
    assert await count_off_loop("plain words " * 50, "unheard-of") == -(-plain * 13 // 10)
    assert await count_off_loop(HINDI, "unheard-of") == -(-hindi * 18 // 10)
    french = "La pluie a cessé, et l'été est déjà là. " * 50
    assert await count_off_loop(french, "unheard-of") == ceil(await count_off_loop(french) * 1.3)


async def test_measured_padding_replaces_the_familys() -> None:
    text = "plain words " * 50
    plain = await count_off_loop(text)
    assert await count_off_loop(text, "claude-opus-4-7", 2.0) == 2 * plain
    assert await count_off_loop(text, "gpt-4o", 0.5) == -(-plain // 2)


@given(st.lists(st.text(max_size=200), max_size=5), st.sampled_from(["gpt-4", "claude-opus-5", "x"]))
@settings(max_examples=60, deadline=None)
async def test_padded_count_never_exceeds_the_bytes(texts: list[str], model: str) -> None:
    assert await count_texts(texts, model, 5.0) <= sum(map(tokens.size_of, texts))


def test_counts_of_long_texts_are_kept_by_hash() -> None:
    calls: list[str] = []

    class Watched(Vocabulary):
        def count(self, piece: str) -> int:
            calls.append(piece)
            return len(piece)

    counts, one, other = Counts(most=2), Watched("one", "", ""), Watched("other", "", "")
    texts = [letter * 2000 for letter in "abc"]
    assert [counts.count(texts[0], one) for _ in range(3)] == [2000] * 3
    assert len(calls) == 1
    counts.count(texts[0], other)
    assert len(calls) == 2
    counts.count(texts[1], one)
    assert len(counts) == 2
    counts.count(texts[0], other)
    assert len(calls) == 3
    counts.count(texts[0], one)  # was used longest ago, and is gone
    assert len(calls) == 4
    assert not any(text.encode() in _held(counts) for text in texts)


def _held(counts: Counts) -> list[Any]:
    return [*counts._counts.keys(), *counts._counts.values()]


def test_short_texts_are_not_kept() -> None:
    counts = Counts()
    assert counts.count("hello world", VOCABULARIES[O200K]) == 2
    assert len(counts) == 0


def test_nothing_is_downloaded_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    fresh = Vocabulary(CL100K, VOCABULARIES[CL100K].sha256, VOCABULARIES[CL100K].pattern)
    ready = [fresh.ready]
    assert fresh.count("hello world") == 2
    assert [*ready, fresh.ready] == [False, True]
    assert list(tmp_path.iterdir()) == []
