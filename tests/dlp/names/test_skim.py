"""What the model is not asked to read, told by its shape, and that nothing else is left out."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.names.skim import LONGEST, stretches

BASE64 = base64.b64encode(bytes(range(200))).decode()


def read(text: str) -> str:
    return " ".join(" ".join(one.text for one in stretches(text)).split())


@given(st.text(alphabet="ab A.\n1;(){}=\"'#/é🙂[]_+", max_size=300) | st.text(max_size=200))
def test_what_is_read_stands_where_it_says(text: str) -> None:
    place = 0
    for one in stretches(text):
        assert one.start >= place
        place = one.start + len(one.text)
        same = zip(one.text, text[one.start : place], strict=True)
        assert all(mine in (" ", theirs) for mine, theirs in same)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12 34 5678",
        BASE64,
        f"{BASE64}\n{BASE64}",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "4111 1111 1111 1111 4111 1111 1111 1111",
        "[PERSON_K7Q2MX] [EMAIL_ADDRESS#0123456789ab] [ADDRESS]",
        "https://example.org/people/anna-smith?x=1",
        "import os\nfrom pathlib import Path\n\ndef run(path):\n    found = os.listdir(path)\n    return found[0]\n",
        "const x = 1;\nlet found = list.filter((one) => one.id);\nif (found) {\n  console.log(found);\n}",
    ],
)
def test_what_has_the_shape_of_no_prose_is_not_read(text: str) -> None:
    assert stretches(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Please ask Anna Smith.",
        "- Anna Smith (sales);\n- Ada Lovelace (research);\n- Alan Turing (logic);",
        "name = Anna Smith\ncity = New York\nboss = Ada Lovelace",
        "Anna Smith;Oslo\nAda Lovelace;London\nAlan Turing;Wilmslow",
        "my boss is ada lovelace (she writes);\nher friend is charles (he builds);\nthey know ada's mother;",
        '{"name": "Anna Smith",\n "city": "Oslo"}',
        "if I may, Anna: call me\nfor Ada, with love: x\nwhile you wait: y",
        "from Anna Smith\nto Ada Lovelace\nreturn to Alan Turing",
    ],
)
def test_prose_lists_and_data_are_read_whole(text: str) -> None:
    assert read(text) == " ".join(text.split())


def test_strings_and_comments_in_code_are_read() -> None:
    code = 'def run(path):\n    boss = find("Ada Lovelace")  # Anna Smith wrote this\n    return boss.name\n'
    assert read(code) == '"Ada Lovelace" # Anna Smith wrote this'


def test_prose_around_code_and_numbers_is_read() -> None:
    code = "let x = 1;\nlet y = f(x);\nreturn y;"
    text = f"Anna Smith asks:\n{code}\nSo says Ada, {BASE64}, of Oslo."
    assert read(text) == "Anna Smith asks: So says Ada, , of Oslo."


def test_long_texts_are_parted_at_words_and_none_is_lost() -> None:
    text = "Anna Smith went home and slept. " * 1_000
    found = stretches(text)
    assert max(len(one.text) for one in found) <= LONGEST
    assert "".join(one.text for one in found).strip() == text.strip()
    assert all(one.text.rstrip().endswith(".") for one in found)


@pytest.mark.parametrize(
    "unit", ["a", "1", "1 ", "=", "(", "a.b(", "x;\n", "{\n", "'", "A b ", "import ", "#", "-", "aA1_"]
)
def test_no_text_takes_long(unit: str) -> None:
    assert all(len(one.text) <= LONGEST for one in stretches(unit * (200_000 // len(unit))))
