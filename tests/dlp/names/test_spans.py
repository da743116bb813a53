"""From words with shares to findings, without a model."""

from __future__ import annotations

import re
from dataclasses import replace

from dlp.findings import Finding, combined
from dlp.names.spans import Part, Word, findings


def _found(text: str, **parts: tuple[Part, float]) -> list[tuple[str, str]]:
    """`parts` by word; all others are OTHER with a share of 0.9, and a name with 0.01."""
    words = []
    for match in re.finditer(r"\w+|[^\w\s]", text):
        part, score = parts.get(match[0], (Part.OTHER, 0.9))
        words.append(Word(*match.span(), part, score, score if part is Part.NAME else 0.01))
    return [(one.kind, one.value(text)) for one in findings(text, words)]


_NAME = (Part.NAME, 0.95)


def test_given_and_family_name_are_one_person() -> None:
    assert _found("so Ada Lovelace wrote", Ada=_NAME, Lovelace=_NAME) == [("PERSON", "Ada Lovelace")]


def test_joined_parts_and_small_words_are_inside_of_names() -> None:
    text = "Jean-Pierre O'Neill met Jan van den Berg"
    parts = dict.fromkeys(("Jean", "Pierre", "O", "Neill", "Jan", "Berg"), _NAME)
    assert _found(text, **parts) == [("PERSON", "Jean-Pierre O'Neill"), ("PERSON", "Jan van den Berg")]


def test_two_people_stay_two() -> None:
    text = "Ada, Grace and\nAlan y Kurt"
    parts = dict.fromkeys(("Ada", "Grace", "Alan", "Kurt"), _NAME)
    assert [value for _, value in _found(text, **parts)] == ["Ada", "Grace", "Alan", "Kurt"]


def test_one_word_alone_needs_more() -> None:
    assert _found("in Oslo today", Oslo=(Part.NAME, 0.7)) == []
    assert _found("and Ada Oslo too", Ada=(Part.NAME, 0.3), Oslo=(Part.NAME, 0.2)) == [("PERSON", "Ada Oslo")]


def test_name_that_was_found_once_is_found_again() -> None:
    text = "Ask Grace Hopper. Why did Grace Hopper write to Grace Hoppers?"
    words = [Word(4, 9, Part.NAME, 0.9, 0.9), Word(10, 16, Part.NAME, 0.9, 0.9)]
    found = findings(text, words)
    assert [(one.start, one.value(text)) for one in found] == [(4, "Grace Hopper"), (26, "Grace Hopper")]


def test_small_letters_count_only_where_nothing_is_written_with_capitals() -> None:
    assert _found("the ward is Full", ward=_NAME) == []
    assert _found("values: list[float]", values=_NAME) == []
    assert _found("my boss is ada lovelace", ada=_NAME, lovelace=_NAME) == [("PERSON", "ada lovelace")]


def test_scripts_that_the_model_was_not_made_for_are_left_out() -> None:
    assert _found("山田花子 東京", 山田花子=_NAME) == []


def test_address_has_a_street_and_takes_its_neighbours() -> None:
    parts = {
        "12": (Part.BUILDING, 0.9),
        "Maple": (Part.STREET, 0.9),
        "Street": (Part.STREET, 0.9),
        "Springfield": (Part.CITY, 0.9),
        "62704": (Part.POSTCODE, 0.9),
    }
    text = "to 12 Maple Street,\nSpringfield 62704 today"
    assert _found(text, **parts) == [("ADDRESS", "12 Maple Street,\nSpringfield 62704")]
    assert _found("from Springfield 62704", **parts) == []
    weak = (Part.STREET, 0.8)
    assert _found("in place of the old one", place=weak) == []
    assert _found("in Place 12 there", Place=weak, **{"12": (Part.BUILDING, 0.9)}) == [
        ("ADDRESS", "Place 12")
    ]


def test_towns_of_many_hyphens_are_read_in_one_way() -> None:
    """Each of these took more than a second, so this text minutes, when a hyphen could be inside of a word and between two."""
    hostile = "12 Maple Street " + "A-" * 22 + "\n" + "A-" * 22 + "\n\n"
    text = hostile * 1_000
    parts = {"12": (Part.BUILDING, 0.9), "Maple": (Part.STREET, 0.9), "Street": (Part.STREET, 0.9)}
    assert _found(text, **parts) == [("ADDRESS", "12 Maple Street")] * 1_000


def test_town_with_hyphens_belongs_to_its_street() -> None:
    parts = {"12": (Part.BUILDING, 0.9), "Maple": (Part.STREET, 0.9), "Street": (Part.STREET, 0.9)}
    for town in ("Stoke-on-Trent", "Villeneuve-Saint-Georges Nord", "Clermont-Ferrand-Sud-Est-Haut"):
        address = f"12 Maple Street, {town}, 63000"
        assert _found(f"to {address} today", **parts) == [("ADDRESS", address)]


def test_rules_win_every_overlap() -> None:
    rule = Finding(5, 10, "EMAIL_ADDRESS", 0.5, "contact.email")
    touching, inside, around = (
        Finding(10, 12, "PERSON", 1.0, "m"),
        Finding(6, 7, "PERSON", 1.0, "m"),
        Finding(0, 40, "ADDRESS", 1.0, "m"),
    )
    before = Finding(0, 5, "PERSON", 1.0, "m")
    text = "x" * 60
    assert combined([rule], [before, touching], text) == [before, rule, touching]
    assert combined([rule], [inside], text) == [rule]
    assert combined([rule], [around], text) == [replace(around, end=5), rule, replace(around, start=10)]
