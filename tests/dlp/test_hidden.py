"""Values that are written so that a person or a program reads them, and a pattern does not."""

from __future__ import annotations

import pytest

from dlp.detectors.custom import dictionary_rules, pattern_rule
from dlp.detectors.hidden import shown
from dlp.detectors.scan import Detector

CARD = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("see https://x.example/?to=alice%40example.com&a=1", "to=alice%40example.com"),
        ("write to alice&#64;example.com now", "alice&#64;example.com"),
        ("write to alice&#x40;example.com", "alice&#x40;example.com"),
        ("write to al\u200bice@exam\u00adple.com now", "al\u200bice@exam\u00adple.com"),
        ("pay 4111\u200b1111\u200b1111\u200b1111.", "4111\u200b1111\u200b1111\u200b1111"),
        ("ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
        ("pay ４１１１ １１１１ １１１１ １１１１ now", "４１１１ １１１１ １１１１ １１１１"),
        ("pa\u017f\u017fword: Qw7!zRt9k", "Qw7!zRt9k"),
        (r'{"note":"Card:\n4111111111111111"}', CARD),
        (r'{"note":"Card:\\t4111111111111111"}', CARD),
        (r"a\nalice@example.com\r\nb", "alice@example.com"),
    ],
)
def test_what_is_hidden_is_found_where_it_stands(detector: Detector, text: str, value: str) -> None:
    assert [one.value(text) for one in detector.scan(text).findings][-1] in (value, value.removeprefix("to="))


@pytest.mark.parametrize("text", ["a%20b", "100% of 40", "a 👨‍👩‍👧 b", "x & y"])
def test_other_texts_are_looked_at_once(text: str) -> None:
    assert shown(text) is None


@pytest.mark.parametrize(("term", "form"), [("Σίσυφος", "ΣΊΣΥΦΟΣ"), ("straße", "STRAẞE"), ("Kim", "\u212aim"), ("masse", "ma\u017f\u017fe")])  # fmt: skip
def test_every_form_of_a_letter_is_found(term: str, form: str) -> None:
    for rules in (dictionary_rules("d", "WORD", [term]), [pattern_rule("p", "WORD", f"(?i){term}")]):
        made = Detector(rules)
        for text in (f"of {term}.", f"of {form}.", f"of {term.upper() if term != 'straße' else form}."):
            assert [one.kind for one in made.scan(text).findings] == ["WORD"], text


def test_word_with_a_backslash_is_found() -> None:
    for name in (r"DOMAIN\user", r"DOMAIN\nick"):
        for rules in (
            dictionary_rules("d", "WORD", [name]),
            [pattern_rule("p", "WORD", name.replace("\\", "\\\\"))],
        ):
            assert [one.value(f"of {name}.") for one in Detector(rules).scan(f"of {name}.").findings] == [
                name
            ]
