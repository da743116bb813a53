"""The evaluation of the rules: its documents, and how it counts."""

from __future__ import annotations

import random

import pytest
from stdnum import luhn

from bench.dlp.__main__ import bars
from bench.dlp.documents import TEMPLATES, Document, Gold, filled_in, generated, templates
from bench.dlp.people import COUNTRIES
from bench.dlp.score import scored
from bench.dlp.values import Values
from dlp.findings import Finding

DEVELOPMENT = templates(TEMPLATES / "development")


def test_languages_and_forms_are_those_that_were_asked_for() -> None:
    assert len({one.language for one in DEVELOPMENT} - {"shared"}) >= 9
    forms = {one.form for one in DEVELOPMENT}
    assert forms >= {"ticket", "mail", "chat", "code", "json", "log", "table", "medical", "hr"}


def test_gold_spans_hold_the_values_and_a_quarter_has_none() -> None:
    made = list(generated(DEVELOPMENT, 20, seed=7))
    assert made == list(generated(DEVELOPMENT, 20, seed=7))
    assert sum(not one.spans for one in made) == len(made) // 4
    for document in made:
        assert "{{" not in document.text
        for span in document.spans:
            value = document.text[span.start : span.end]
            assert value
            assert value == value.strip()
            if span.kind == "CREDIT_CARD":
                assert luhn.is_valid(value.replace("-", "").replace(" ", ""))


@pytest.mark.parametrize("language", COUNTRIES)
def test_values_of_every_kind_can_be_drawn(language: str) -> None:
    values = Values(language, random.Random(3))
    kinds = {
        word.partition(":")[0]
        for one in DEVELOPMENT
        for word in one.text.split("{{")[1:]
        if word[0].isupper()
    }
    for kind in sorted({word.partition("}")[0] for word in kinds}):
        value, shift = values.value(kind, "")
        assert len(value) > shift


def test_title_before_a_name_is_no_part_of_the_gold_span() -> None:
    document = filled_in("Dear {{PERSON:titled}}!", Values("en", random.Random(1)), "en", "mail")
    (span,) = document.spans
    assert document.text[: span.start].startswith("Dear M") or document.text[: span.start].startswith(
        "Dear Dr"
    )
    assert document.text[span.end :] == "!"


def test_names_in_running_text_are_asked_for_in_nine_languages() -> None:
    names = templates(TEMPLATES / "names")
    assert len({one.language for one in names}) == 9
    for language in sorted({one.language for one in names}):
        own = [one for one in names if one.language == language]
        assert sum(one.text.count("{{PERSON") for one in own) >= 8
        assert sum(one.clean for one in own) >= 3
    assert all("{{PERSON" not in one.text for one in names if one.clean)


def test_bars_say_what_is_reached() -> None:
    documents = [
        Document("Ada", (Gold(0, 3, "PERSON"),), "en", "x"),
        Document("Zoé", (Gold(0, 3, "PERSON"),), "fr", "x"),
        Document("花子", (Gold(0, 2, "PERSON"),), "ja", "x"),
        Document("a@b.cd", (Gold(0, 6, "EMAIL_ADDRESS"),), "en", "x"),
        Document("clean", (), "en", "x"),
    ]
    found = {
        "Ada": (Finding(0, 3, "PERSON", 0.9, "r"),),
        "a@b.cd": (Finding(0, 6, "EMAIL_ADDRESS", 0.9, "r"),),
        "clean": (Finding(0, 1, "PASSPORT", 0.9, "r"),),  # of which there is none, so no score either
    }
    lines = bars(scored(documents, lambda text: found.get(text, ())))
    assert [line for line in lines if "reached" in line or "missed" in line] == [
        "| all types | 0.571 | 0.89 | missed |",
        "| worst structured type, EMAIL_ADDRESS | 1.000 | 0.95 | reached |",
        "| PERSON in the worst language, fr | 0.000 | 0.72 | missed |",
        "| clean documents touched, at most | 1.000 | 0.25 | missed |",
    ]


def test_half_of_a_span_of_the_same_kind_counts_as_found_and_the_rest_as_wrong() -> None:
    documents = [
        Document("0123456789", (Gold(0, 4, "A"), Gold(6, 10, "B")), "en", "x"),
        Document("clean", (), "en", "x"),
    ]
    findings = {
        "0123456789": (Finding(0, 2, "A", 0.9, "r"), Finding(6, 10, "A", 0.9, "r")),
        "clean": (Finding(0, 1, "A", 0.9, "r"),),
    }
    score = scored(documents, lambda text: findings[text])
    assert (score.by_kind["A"].found, score.by_kind["A"].wrong, score.by_kind["B"].missed) == (1, 2, 1)
    assert (score.clean, score.touched) == (1, 1)
    assert (score.gold_characters, score.masked_characters) == (8, 6)
