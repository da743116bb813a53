"""With the model itself."""

from __future__ import annotations

import pytest

from dlp.names import files
from dlp.names.finder import Late
from dlp.names.rampart import Rampart


def _never() -> bool:
    return False


def _values(model: Rampart, text: str) -> list[tuple[str, str]]:
    return [(one.kind, one.value(text)) for one in model.find(text, _never)]


def test_names_and_addresses_in_running_text_are_found(model: Rampart) -> None:
    text = "Yesterday Alex Rivera moved from 12 Maple Street, Springfield, IL 62704 to the coast."
    assert _values(model, text) == [
        ("PERSON", "Alex Rivera"),
        ("ADDRESS", "12 Maple Street, Springfield, IL 62704"),
    ]


@pytest.mark.parametrize(
    "before",
    [
        "👩‍👩‍👧‍👦 ",
        "e\u0301a\u0308o\u0302 ",
        "\u200b\ufeff\x00 ",
        "ﬁ ﷺ İ ß ",
        "𝔘𝔫𝔦 𐍈 ",
        "한국어 日本 ไทย ",
        "\r\n\t",
    ],
    ids=["family", "combining", "invisible", "growing", "astral", "scripts", "blanks"],
)
def test_places_are_exact_whatever_stands_before(model: Rampart, before: str) -> None:
    text = f"{before}My colleague Jürgen Müller and Rene\u0301 Dubois were there."
    values = [value for _, value in _values(model, text)]
    assert values == ["Jürgen Müller", "Rene\u0301 Dubois"]


def test_names_across_windows_are_found_whole(model: Rampart) -> None:
    filling = "The meeting was moved again and nobody knew why it had to be so early. "
    for count in (9, 10, 11, 12, 13, 21, 22, 23, 24):
        text = filling * count + "Regards, Jürgen Müller, sales. " + filling * 12
        assert _values(model, text) == [("PERSON", "Jürgen Müller")]


def test_nothing_is_found_in_nothing(model: Rampart) -> None:
    assert [model.find(text, _never) for text in ("", " ", "\x00", "1234 5678")] == [[]] * 4


def test_it_stops_when_it_is_late(model: Rampart) -> None:
    asked = iter([False, True])
    with pytest.raises(Late):
        model.find("word " * 500, lambda: next(asked))


def test_files_are_those_that_were_measured() -> None:
    assert files.fault(files.folder()) is None
    assert "National Design Studio" in (files.folder() / "NOTICE").read_text()
    assert "Attribution 4.0 International" in (files.folder() / "LICENSE").read_text()
