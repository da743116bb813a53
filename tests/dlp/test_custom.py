"""An organization's own patterns, words and allowed values."""

from __future__ import annotations

import pytest

from dlp.detectors import builtin, custom
from dlp.detectors.custom import (
    Allowed,
    allowed_digest,
    dictionary_fault,
    dictionary_rules,
    pattern_fault,
    pattern_rule,
)
from dlp.detectors.scan import Detector

FAULTS = [
    ("", "Write a pattern"),
    ("(a", "cannot be read"),
    ("(?<=EMP-)\\d+", "Look-around is not supported"),
    ("(\\w)\\1", "Back-references"),
    ("a{5000}", "too large"),
    ("((a{100}){100}){100}", "too large"),
    ("x*", "matches the empty text"),
    ("a" * 501, "500 are the most"),
]


@pytest.mark.parametrize(("pattern", "words"), FAULTS, ids=lambda one: one[:20])
def test_faulty_pattern_is_refused_in_words(pattern: str, words: str) -> None:
    fault = pattern_fault(pattern)
    assert fault is not None
    assert words in fault


def test_pattern_is_tried_on_the_examples_that_came_with_it() -> None:
    assert pattern_fault(r"EMP-\d{6}", matches=["my EMP-123456"], spares=["EMP-1"]) is None
    assert "does not find" in str(pattern_fault(r"EMP-\d{6}", matches=["EMP-12"]))
    assert "should leave alone" in str(pattern_fault(r"EMP-\d+", spares=["EMP-1"]))


def test_pattern_finds_its_group_and_wins_over_ours() -> None:
    detector = Detector(
        [*builtin.rules(), pattern_rule("employee", "EMPLOYEE", r"badge (\d{3}-\d{2}-\d{4})")]
    )
    text = "SSN or badge 536-22-8765?"
    assert [(one.kind, one.value(text)) for one in detector.scan(text).findings] == [
        ("EMPLOYEE", "536-22-8765")
    ]


def test_words_are_found_whole_and_in_any_case() -> None:
    detector = Detector(dictionary_rules("projects", "PROJECT", ["Blue Heron", "Ångström", "C++ (new)"]))
    text = "BLUE  heron, ångström and c++ (new); not blue herons"
    assert [one.value(text) for one in detector.scan(text).findings] == [
        "BLUE  heron",
        "ångström",
        "c++ (new)",
    ]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"Kd–\d+", "Kd–12"),
        (r"Kd–\d+", "Kd-12"),
        (r"Kd-\d+", "Kd–１２"),
        (r"Kd（\d）", "Kd（7）"),
        (r"Kd\–\d", "Kd–7"),
        (r"Kd\x{2013}\d", "Kd–7"),
        (r"Kd[–/]\d", "Kd–7"),
        ("Kd[０-９]{2}", "Kd５6"),
        (r"Kd[\p{L}\d]{3}", "Kdß٣x"),
    ],
)
def test_signs_of_many_forms_are_one_in_patterns_too(pattern: str, text: str) -> None:
    assert pattern_fault(pattern, matches=[text]) is None
    detector = Detector([pattern_rule("own", "OWN", pattern)])
    whole = f"a {text} b"
    assert [one.value(whole) for one in detector.scan(whole).findings] == [text]


def test_words_are_found_in_the_form_in_which_they_were_given() -> None:
    text = "about Projekt – Falke and Projekt - Falke"
    found = Detector(dictionary_rules("d", "CODE", ["Projekt – Falke"])).scan(text).findings
    assert [one.value(text) for one in found] == ["Projekt – Falke", "Projekt - Falke"]


def test_dictionary_of_the_largest_size_is_compiled_and_found() -> None:
    terms = [f"codename {number:05d}" for number in range(custom.MAX_TERMS)]
    detector = Detector(dictionary_rules("d", "CODE", terms))
    text = "about codename 04999 and codename 00000"
    assert [one.value(text) for one in detector.scan(text).findings] == ["codename 04999", "codename 00000"]


def test_faulty_dictionary_is_refused_in_words() -> None:
    assert "5000 are the most" in str(dictionary_fault(["ab"] * 5001))
    assert "Entry 2" in str(dictionary_fault(["ab", "c"]))
    assert "Entry 1" in str(dictionary_fault(["x" * 201]))


def test_allowed_value_is_no_finding_for_its_kind_however_it_is_written(detector: Detector) -> None:
    text = "Support@Example.org, other@example.org, card 4111 1111 1111 1111"
    allowed = Allowed([("support@example.org", "EMAIL_ADDRESS"), ("4111111111111111", None)])
    left = allowed.left(detector.scan(text).findings, text)
    assert [one.value(text) for one in left] == ["other@example.org"]
    assert len(Allowed([("support@example.org", "PERSON")]).left(detector.scan(text).findings, text)) == 3


def test_digest_in_an_allow_list_spares_every_spelling_of_its_value_under_its_key(detector: Detector) -> None:
    key, other = b"ours", b"another organization's"
    text = "Card 4111-1111-1111-1111, mail Anna.Smith@example.org"
    findings = detector.scan(text).findings
    digests = [
        (allowed_digest("4111 1111 1111 1111", key), "CREDIT_CARD"),
        (allowed_digest("anna.smith@EXAMPLE.org", key), None),
    ]
    assert Allowed([], digests, key).left(findings, text) == []
    assert Allowed([], digests, other).left(findings, text) == list(findings)
    of_another_type = [(digests[0][0], "IBAN_CODE")]
    assert len(Allowed([], of_another_type, key).left(findings, text)) == len(findings)
