"""The pass over all patterns: hyperscan's and RE2's lead to the same findings."""

from __future__ import annotations

from functools import cache

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlp.detectors import builtin, engine
from dlp.detectors.engine import Hyperscan, Re2Set, compiled
from dlp.detectors.scan import Detector

PIECES = [
    "anna@example.org", "+49 30 901820", "4111 1111 1111 1111", "SSN 536-22-8765", "пароль: Qw7!zRt9", "ПАРОЛЬ: Qw7!zRt9", "contraseña = Zx9!kkLm",
    "12 rue de la Paix, 75002 Paris", "東京都新宿区西新宿2-8-1", "Herr Müller", "AKIAQ4WZ7TN2MB6KXLRD", "ул. Ленина, д. 5", "geb. am 12.03.1984", "hello", "🙂", "\n", " ",
]  # fmt: skip


@pytest.fixture(scope="module")
def both() -> tuple[Detector, Detector]:
    rules = builtin.rules()
    return Detector(rules, make=Hyperscan), Detector(rules, make=Re2Set)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8))
@settings(max_examples=60, deadline=None)
def test_both_find_the_same(both: tuple[Detector, Detector], pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert both[0].scan(text) == both[1].scan(text)


@cache
def _made(pattern: str) -> Hyperscan:
    return Hyperscan([pattern])


@pytest.mark.parametrize(
    "pattern",
    ["(?i)straße", "(?i)[а-яё]{2,4}!", "[^a]{2}x", "ж?b", r"\S\S\d", ".{3}z", r"[\x{3400}-\x{9fff}]{2}号", "[é-]+q", r"\pL{2}\d", "a{20,30}b", r"[]x]y", r"\D{2}",
     r"[\p{L}\d]{8}", r"a[\pL]{3}", r"x[A-ÿ]{3}", r"[A-ž]{4}-\d", r"x[\x{30}-\x{39}]{2}", r"[\x{0}-\x{7f}]+!", r"b\xe9", r"a\pZb", r"a\PLb", r"\Qa.\E", r"b\351", r"[^\x{e9}]q", r"[\xe9]u", r"[é^a]!"],
)  # fmt: skip
@example(text="x12 béu abq a b a\nb xÀÁÂ aéé! ABCD-1 a. abcdefgh")
@example(text="abcdefghi zzz")
@example(text="漢字号 ажж! STRASSE STRAẞE straße")
@given(text=st.text(alphabet="aAbxyzq1!-].\n Жжßéю漢号äSTRAEstrae", max_size=40))
@settings(max_examples=40, deadline=None)
def test_pattern_of_bytes_misses_nothing_that_the_pattern_finds(pattern: str, text: str) -> None:
    data = text.encode()
    if compiled(pattern).search(data) is not None:
        assert _made(pattern).may_occur(data) == {0}


def test_without_hyperscan_re2_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "hyperscan", None)
    assert isinstance(engine.prefilter(["a"]), Re2Set)


def test_set_that_runs_out_of_memory_lets_every_pattern_be_searched_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Re2Set(["a", "b"])
    assert found.may_occur(b"xb") == {1}
    monkeypatch.setattr(found, "_set", type("Exhausted", (), {"Match": staticmethod(lambda data: [])}))
    assert found.may_occur(b"xb") == {0, 1}


def test_pattern_that_hyperscan_cannot_take_always_may_occur() -> None:
    assert Hyperscan(["abc", r"(?U)a+"]).may_occur(b"zzz") <= {1}
    assert 1 in Hyperscan(["abc", r"(?U)a+"]).may_occur(b"xxa")


def test_no_rule_of_ours_needs_the_memory_that_slows_the_engine() -> None:
    for rule in builtin.rules():
        options = re2.Options()
        options.log_errors = False
        options.max_mem = engine.PATTERN_BYTES
        assert re2.compile(rule.pattern.encode(), options).programsize < 12_000, rule.name
