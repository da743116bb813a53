"""Names and addresses of which the model is sure of a part alone."""

from __future__ import annotations

import pytest

from dlp.findings import Finding, beyond, combined
from dlp.names.spans import Part, Word, findings

TEXT = "Hana Černá wrote it, though Černá had help."


def word(text: str, value: str, part: Part, share: float, nth: int = 0) -> Word:
    start = -1
    for _ in range(nth + 1):
        start = text.index(value, start + 1)
    name = share if part is Part.NAME else 0.0
    return Word(start, start + len(value), part, share, name)


def weak(text: str, value: str, share: float, nth: int = 0) -> Word:
    """A word that is rather none."""
    one = word(text, value, Part.NAME, share, nth)
    return Word(one.start, one.end, Part.OTHER, 1 - share, share)


def values(text: str, *words: Word) -> list[str]:
    return [one.value(text) for one in findings(text, sorted(words, key=lambda one: one.start))]


def test_part_of_a_name_is_one_where_it_stands_alone() -> None:
    whole = (word(TEXT, "Hana", Part.NAME, 0.99), word(TEXT, "Černá", Part.NAME, 0.9))
    assert values(TEXT, *whole, weak(TEXT, "Černá", 0.05, 1)) == ["Hana Černá", "Černá"]
    assert values(TEXT, *whole, weak(TEXT, "Černá", 0.0, 1)) == ["Hana Černá"]


@pytest.mark.parametrize(("shares", "names"), [((0.5, 0.5), 3), ((0.5,), 0), ((0.3, 0.3, 0.3), 0)])
def test_word_that_is_a_little_of_a_name_in_several_places_is_one(
    shares: tuple[float, ...], names: int
) -> None:
    text = "It was Castro, and Castro did, as Castro does."
    assert values(text, *(weak(text, "Castro", share, nth) for nth, share in enumerate(shares))) == ["Castro"] * names  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Hi Aki, how are you?", "Aki"),
        ("Liebe Aki, danke!", "Aki"),
        ("Sometimes people call me Aki", "Aki"),
        ("This is about my daughter Aki.", "Aki"),
        ("Aki says that it rains.", "Aki"),
    ],
)
def test_a_little_is_enough_where_names_stand(text: str, value: str) -> None:
    assert values(text, weak(text, value, 0.4)) == [value]
    assert values(text, weak(text, value, 0.1)) == []


def test_a_little_is_not_enough_elsewhere() -> None:
    assert values("The Aki novel is long.", weak("The Aki novel is long.", "Aki", 0.4)) == []


LETTER = "> 12 Parmova\n> Apt. 52\n> Maribor\n> Slovenia 2000\n"


def test_address_goes_on_over_a_flats_number_and_in_a_quoted_letter() -> None:
    words = (word(LETTER, "12", Part.BUILDING, 0.9), word(LETTER, "Parmova", Part.STREET, 0.9), word(LETTER, "Maribor", Part.CITY, 0.9))  # fmt: skip
    assert values(LETTER, *words) == ["12 Parmova\n> Apt. 52\n> Maribor\n> Slovenia 2000"]


def test_address_ends_with_its_sentence_where_no_postcode_follows() -> None:
    text = "It is at Uus 6, London. Nobody came, and 300 left."
    words = (word(text, "Uus", Part.STREET, 0.9), word(text, "6", Part.BUILDING, 0.9))
    assert values(text, *words) == ["Uus 6"]


ADDRESS = "12 Main Street, Springfield, Anna"


def test_what_rules_and_model_see_of_one_address_is_one_finding() -> None:
    rule, model = (
        Finding(3, 14, "ADDRESS", 0.8, "address.en"),
        Finding(0, 27, "ADDRESS", 0.9, "model.address"),
    )
    for made in (combined([rule], [model], ADDRESS), beyond([rule], [model], ADDRESS)):
        assert [one.value(ADDRESS) for one in made] == ["12 Main Street, Springfield"]


def test_finding_of_another_type_parts_them() -> None:
    other, model = Finding(3, 14, "SECRET", 0.8, "own"), Finding(0, 27, "ADDRESS", 0.9, "model.address")
    assert [(one.kind, one.value(ADDRESS)) for one in combined([other], [model], ADDRESS)] == [
        ("ADDRESS", "12"),
        ("SECRET", "Main Street"),
        ("ADDRESS", "Springfield"),
    ]


def test_names_beside_each_other_stay_two() -> None:
    text = "Anna Smith, Bob Jones"
    names = [Finding(0, 10, "PERSON", 0.9, "a"), Finding(12, 21, "PERSON", 0.9, "b")]
    assert combined(names[:1], names[1:], text) == names
