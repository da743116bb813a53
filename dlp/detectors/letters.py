"""Classes of letters for patterns, by ranges: the engines make small automata of these and large ones of \\pL."""

from __future__ import annotations

UPPER = r"A-Z\x{c0}-\x{de}\x{100}-\x{17f}\x{391}-\x{3ab}\x{400}-\x{42f}"
LETTER = r"A-Za-z\x{c0}-\x{24f}\x{370}-\x{1fff}"
HAN = r"\x{3400}-\x{9fff}"
KANA = r"\x{3040}-\x{30ff}"
HANGUL = r"\x{ac00}-\x{d7af}"
ANY = LETTER + HAN + KANA + HANGUL

CAPITALIZED = rf"[{UPPER}][{LETTER}'’.-]*"
UNDOTTED = rf"[{UPPER}][{LETTER}'’-]*"
