"""A text with the many forms of a sign made one, character for character, so that every place stays."""

from __future__ import annotations

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
_SIGNS = {0xFF0B: "+", 0xFF20: "@", 0xFF1A: ":", 0xFF0E: ".", 0xFF08: "(", 0xFF09: ")", 0xFF1D: "="}
_SAME: Mapping[int, int | str] = MappingProxyType({**_DIGITS, **_SPACES, **_HYPHENS, **_SIGNS})


def plain(text: str) -> str:
    return text if text.isascii() else text.translate(_SAME)
