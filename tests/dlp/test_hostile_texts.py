"""Texts made to be slow: twice the text asks at most twice the questions. Times are printed by `make dlp-eval`."""

from __future__ import annotations

import pytest

from dlp.detectors import fields, phones, scan
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.detectors.scan import Detector

UNITS = {
    "digits": "1234567890 ",
    "one long number": "1",
    "at signs": "a@",
    "colons": "1:",
    "addresses of mail": "a@b.cd ",
    "keys begun": "-----BEGIN PRIVATE KEY-----",
    "labels": "password: ",
    "capitals": "Name Aa ",
    "blanks": " ",
    "table": "a|",
    "street": "1 Aa Aa ",
    "plus": "+1 ",
    "phones of nowhere": "(000) 000-0000 ",
}
SIZE = 6_000


def _asked(monkeypatch: pytest.MonkeyPatch, detector: Detector, text: str) -> int:
    asked = 0
    spans = scan._spans

    def counted(*args: object) -> object:
        nonlocal asked
        for span in spans(*args):  # type: ignore[arg-type]
            asked += 1
            yield span

    with monkeypatch.context() as patch:
        patch.setattr(scan, "_spans", counted)
        detector.scan(text)
    return asked


@pytest.mark.parametrize("name", UNITS)
def test_questions_grow_no_faster_than_the_text(
    monkeypatch: pytest.MonkeyPatch, detector: Detector, name: str
) -> None:
    unit = UNITS[name]
    once = _asked(monkeypatch, detector, unit * (SIZE // len(unit)))
    twice = _asked(monkeypatch, detector, unit * (2 * SIZE // len(unit)))
    assert twice <= 2 * once + 40


def test_judges_that_take_long_are_asked_only_so_often(
    monkeypatch: pytest.MonkeyPatch, detector: Detector
) -> None:
    asked = 0
    possible = phones._is_valid

    def counted(value: str, region: str | None) -> bool:
        nonlocal asked
        asked += 1
        return possible(value, region)

    monkeypatch.setattr(phones, "_is_valid", counted)
    monkeypatch.setattr(scan, "MAX_COSTLY", 20)
    assert detector.scan("".join(f"call (000) 000-{number:04} " for number in range(200))).capped
    plans = len(phones._TYPICAL_REGIONS) + len(phones._REGIONS) + 8
    assert 20 < asked <= 20 * plans
    assert not detector.scan(
        "call (000) 000-0000 " * 200
    ).capped  # what was said of a value is not asked again


def test_a_table_of_nothing_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "ab," * 64 + "cd\n" + ("," * 64 + "\n") * 2_000
    found = fields.Tables(text)
    made = 0
    really = fields.Cell

    def counted(*given: object) -> object:
        nonlocal made
        made += 1
        return really(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(fields, "Cell", counted)
    rows = text.splitlines(keepends=True)
    last = len(text) - len(rows[-1])
    for place in range(last, last + 40):
        found.at(place)
    assert made == 65


def test_surroundings_that_a_rule_is_shown_are_bounded(detector: Detector) -> None:
    shown: list[Hit] = []

    def judge(hit: Hit) -> bool:
        shown.append(hit)
        return True

    rule = Rule("seen", "K", "x", 0.9, judge=judge)
    Detector([rule]).scan("a " * 5000 + "x " + "b " * 5000)
    assert [len(hit.before) + len(hit.after) for hit in shown] == [scan.BEFORE + scan.AFTER]


def test_what_was_not_looked_at_is_told(monkeypatch: pytest.MonkeyPatch, detector: Detector) -> None:
    monkeypatch.setattr(scan, "MAX_CHARACTERS", 1000)
    found = detector.scan("x " * 495 + "anna@example.org " + "other@example.org")
    assert found.capped
    monkeypatch.setattr(scan, "MAX_MATCHES", 3)
    assert detector.scan("a@b.cd " * 4).capped
    assert not detector.scan("a@b.cd " * 3).capped


def test_group_that_took_no_part_does_not_stop_the_search() -> None:
    rule = Rule("either", "K", "ab|(cd)", 0.9, trim=len)
    assert [one.start for one in Detector([rule]).scan("ab cd ab cd").findings] == [3, 9]


def test_rules_with_one_pattern_keep_their_own_cue_and_trim() -> None:
    rules = [
        Rule("whole", "A", r"x+", 0.8),
        Rule("first", "B", r"x+", 0.9, trim=lambda value: 1, edge=Edge.NONE),
    ]
    assert {one.rule for one in Detector(rules).scan("xx").findings} == {"first"}
    assert {one.rule for one in Detector(rules[:1]).scan("xx").findings} == {"whole"}
