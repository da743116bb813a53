import random

import pytest

from orbit.demo.provider import tokens
from orbit.demo.provider.prose import Prose

SAMPLES = [
    "",
    "Hello there, how are you today?",
    "naïve café — « déjà vu »",
    "日本語のテキスト 한국어 עברית",
    "👩‍👩‍👧‍👦 🎉🎉",
    "a\n\n\tb   c\r\n____ 1234567 x=1;",
    '{"a":[1,2,{"b":null}]}',
    "".join(chr(random.Random(3).randrange(32, 0xD000)) for _ in range(500)),
]


@pytest.mark.parametrize("text", SAMPLES)
def test_tokens_rejoin_and_never_outnumber_the_bytes(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
    assert tokens.count(text) <= len(text.encode())


@pytest.mark.parametrize("wanted", [0, 1, 2, 50, 30_000])
def test_prose_has_exactly_the_tokens_asked_for(wanted: int) -> None:
    assert len(Prose(1).exactly(wanted, 12_345)) == wanted


def test_prose_counts_like_the_tokenizer_and_follows_its_seed() -> None:
    for choice in range(50):
        answer = Prose(1).answer(choice * 7_919)
        assert tokens.count("".join(answer)) == len(answer)
    assert Prose(1).answer(5) == Prose(1).answer(5) != Prose(2).answer(5)
