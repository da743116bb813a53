"""A text with the many forms of a sign made one, character for character, so that every place stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_DIGITS = {
    zero + value: ord("0") + value
    for zero in (
        0x0660,
        0x06F0,
        0x0966,
        0x09E6,
        0x0E50,
        0xFF10,
    )  # Arabic, Persian, Hindi, Bengali, Thai, full width
    for value in range(10)
}
_SPACES = dict.fromkeys((0xA0, 0x2002, 0x2003, 0x2007, 0x2009, 0x200A, 0x202F, 0x3000), " ")
_HYPHENS = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212, 0xFE63, 0xFF0D), "-")
_LETTERS = {
    start + value: ord(first) + value
    for start, first in ((0xFF21, "A"), (0xFF41, "a"))
    for value in range(26)
}
# Letters with more than two forms: beside the small and the large one that any engine knows, old and final ones.
_FORMS = {
    ord(form): letter
    for letter, forms in {
        "s": "\u017f", "K": "\u212a", "Å": "\u212b", "ß": "\u1e9e", "σ": "\u03c2", "β": "\u03d0", "θ": "\u03d1", "φ": "\u03d5", "π": "\u03d6", "κ": "\u03f0",
        "ρ": "\u03f1", "Θ": "\u03f4", "ε": "\u03f5", "μ": "\u00b5", "ṡ": "\u1e9b", "ι": "\u1fbe\u0345", "Ω": "\u2126", "Ǆ": "\u01c5", "Ǉ": "\u01c8", "Ǌ": "\u01cb",
        "Ǳ": "\u01f2", "в": "\u1c80", "д": "\u1c81", "о": "\u1c82", "с": "\u1c83", "т": "\u1c84\u1c85", "ъ": "\u1c86", "ѣ": "\u1c87", "ꙋ": "\u1c88",
    }.items()
    for form in forms
}  # fmt: skip
_SIGNS = {0xFF0B: "+", 0xFF20: "@", 0xFF1A: ":", 0xFF0E: ".", 0xFF08: "(", 0xFF09: ")", 0xFF1D: "="}
_SAME: Mapping[int, int | str] = MappingProxyType(
    {**_DIGITS, **_SPACES, **_HYPHENS, **_LETTERS, **_FORMS, **_SIGNS}
)

_PIECES = re.compile(
    r"(?P<escape>\\\\[nrt])|(?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])|\\x\{(?P<hex>[0-9A-Fa-f]+)\}|\\.|[^\x00-\x7f]",
    re.DOTALL,
)
_RANGE = re.compile(r"([^\x00-\x7f])-([^\x00-\x7f])")


# Ends of lines and tabs as JSON writes them: what stands behind one begins there.
_ESCAPES = re.compile(r"\\+[nrt]")


def plain(text: str) -> str:
    made = text if text.isascii() else text.translate(_SAME)
    return _ESCAPES.sub(_blanks, made) if "\\" in made else made


def plain_pattern(pattern: str) -> str:
    """The same for a pattern that is searched for in plain texts. A class, unless it is negated, also holds what its signs became."""
    return _PIECES.sub(_plain_piece, pattern)


def _blanks(found: re.Match[str]) -> str:
    escape = found[0]
    return " " * (len(escape) - 1) + ("\t" if escape.endswith("t") else "\n")


def _plain_piece(found: re.Match[str]) -> str:
    text = found[0]
    if found["escape"]:
        return r"(?: \s)"
    if found["class"]:
        return text if text.startswith("[^") else _with_forms(text)
    sign = chr(int(found["hex"], 16)) if found["hex"] else text.removeprefix("\\")
    return _form(ord(sign)) if len(sign) == 1 and ord(sign) in _SAME else text


def _with_forms(text: str) -> str:
    held = {ord(sign) for sign in text if ord(sign) in _SAME}
    for low, high in _RANGE.findall(text):
        held.update(sign for sign in _SAME if ord(low) <= sign <= ord(high))
    return text[:-1] + "".join(sorted({_form(sign) for sign in held})) + "]"


def _form(sign: int) -> str:
    """What the sign became, as a pattern."""
    form = chr(sign).translate(_SAME)
    return form if form.isalnum() or form == " " else "\\" + form
