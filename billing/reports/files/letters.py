"""Which font has a letter, and in which order letters stand on paper.

Embedded are fonts of packages. Chinese, Japanese and Korean letters are set in the standard fonts of PDF, which are the reader's
program to have: of our own they would be tens of megabytes, in a format that `reportlab` does not embed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import reportlab
from arabic_reshaper import reshape
from bidi.algorithm import get_display  # which turns brackets, too
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

PLAIN, BOLD = "Vera", "VeraBd"  # Latin letters alone
# For what these lack, in this order: fonts, their packages and files.
WIDE = (
    ("NotoSans", "fontpkg_noto_sans", "NotoSans[wdth,wght].ttf"),
    ("Heebo", "fontpkg_heebo", "Heebo[wght].ttf"),
    ("NotoSansArabic", "fontpkg_noto_sans_arabic", "NotoSansArabic[wdth,wght].ttf"),
)
TURNED = ("R", "AL")  # bidirectional classes of letters from right to left


@dataclass(frozen=True, slots=True)
class Eastern:
    """A standard font, and the character set that says which letters it has."""

    font: str
    charset: str

    def has(self, letter: str) -> bool:
        try:
            return len(letter.encode(self.charset)) > 1
        except UnicodeEncodeError:
            return False


CHINESE = Eastern("STSong-Light", "gbk")
JAPANESE = Eastern("HeiseiKakuGo-W5", "cp932")
KOREAN = Eastern("HYGothic-Medium", "cp949")


@lru_cache(maxsize=1)
def register() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    for name, package, path in WIDE:
        with as_file(files(package) / "files" / path) as file:
            pdfmetrics.registerFont(TTFont(name, str(file)))
    for one in (CHINESE, JAPANESE, KOREAN):
        pdfmetrics.registerFont(UnicodeCIDFont(one.font))


def embedded(letter: str) -> str | None:
    """The font of ours that has it: "" for the style's own, None for none."""
    if ord(letter) in pdfmetrics.getFont(PLAIN).face.charToGlyph:
        return ""
    fitting = (name for name, *_ in WIDE if ord(letter) in pdfmetrics.getFont(name).face.charToGlyph)
    return next(fitting, None)


def eastern(letter: str, text: str) -> str | None:
    """The standard font that has it. Letters that several languages write are those of the language of their text."""
    kana = any("HIRAGANA" in _name(one) or "KATAKANA" in _name(one) for one in text)
    hangul = any("HANGUL" in _name(one) for one in text)
    order = (JAPANESE,) if kana else (KOREAN,) if hangul else ()
    return next((one.font for one in (*order, CHINESE, JAPANESE, KOREAN) if one.has(letter)), None)


def _name(letter: str) -> str:
    return unicodedata.name(letter, "")


def is_turned(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in TURNED for letter in text)


def lines(text: str, size: float, room: float) -> list[str]:
    """As they are seen from left to right, in lines of at most `room` points where words let them: only what is one line is turned
    as a whole.
    """
    if not is_turned(text):
        return [text]
    made, line = list[str](), ""
    for word in reshape(text).split(" "):
        longer = f"{line} {word}" if line else word
        if line and _width(longer, size) > room:
            made.append(line)
            longer = word
        line = longer
    strong = (kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", *TURNED))
    base = "L" if next(strong, "L") == "L" else "R"
    return [get_display(one, base_dir=base) for one in (*made, line)]


def _width(text: str, size: float) -> float:
    fonts = ((embedded(letter) or PLAIN, letter) for letter in text)
    return float(sum(pdfmetrics.stringWidth(letter, font, size) for font, letter in fonts))
