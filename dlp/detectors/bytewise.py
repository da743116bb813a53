"""A pattern of characters as a wider one of bytes, for hyperscan: its automata of UTF-8 take seconds to make, of bytes none.

Wherever the pattern matches a text, the made one matches its UTF-8. A character that is no ASCII in a class, or that any
class may hold, becomes any bytes beyond ASCII; one outside of classes becomes its bytes, in either case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEYOND = r"[\x80-\xff]+"
_TOKENS = re.compile(
    r"""(?P<code>\\x\{(?P<hex>[0-9A-Fa-f]+)\})
      | (?P<letters>\\[pP](?:\{[^}]*\}|.))
      | (?P<escape>\\.)
      | (?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\x\{[0-9A-Fa-f]+\}|\\.|[^\]\\])*\])
      | (?P<any>\.)
      | (?P<count>\{(?P<least>\d+)(?:,\d*)?\})
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_OUTSIDE = re.compile(
    r"\\x\{[0-9A-Fa-f]+\}-\\x\{[0-9A-Fa-f]+\}|\\x\{[0-9A-Fa-f]+\}|\\[pP](?:\{[^}]*\}|.)|[^\x00-\x7f]-[^\x00-\x7f]|[^\x00-\x7f]"
)
_LARGEST_COUNT = 8  # a larger one becomes "any number": counts make large automata


def bytewise(pattern: str) -> bytes:
    return "".join(_wider(pattern)).encode("latin-1")


def _wider(pattern: str) -> Iterator[str]:
    for token in _TOKENS.finditer(pattern):
        text = token[0]
        if token["code"]:
            yield _literal(chr(int(token["hex"], 16)))
        elif token["letters"]:
            yield rf"(?:[A-Za-z0-9_]|{_BEYOND}|.)" if text[1] == "P" else rf"(?:[\x21-\x7e]|{_BEYOND})"
        elif token["escape"]:
            yield (
                rf"(?:{text}|{_BEYOND})"
                if text[1] in "SWD"
                else _literal(text)
                if ord(text[1]) > 127
                else text
            )
        elif token["class"]:
            yield _class(text)
        elif token["any"]:
            yield rf"(?:.|{_BEYOND})"
        elif token["count"]:
            yield _count(text, int(token["least"]))
        else:
            yield text if text.isascii() else _literal(text)


def _literal(sign: str) -> str:
    forms = sorted({sign, sign.lower(), sign.upper()})
    return "(?:" + "|".join("".join(f"\\x{byte:02x}" for byte in form.encode()) for form in forms) + ")"


def _class(text: str) -> str:
    inner = _OUTSIDE.sub("", text)
    if inner == text and not text.startswith("[^") and not re.search(r"\\[SWD]|\[:\^", text):
        return text
    if inner in ("[]", "[-]"):
        return rf"(?:{_BEYOND})" if inner == "[]" else rf"(?:-|{_BEYOND})"
    if inner in ("[^]", "[^-]"):
        return rf"(?:(?s:.)|{_BEYOND})"
    return rf"(?:{inner}|{_BEYOND})"


def _count(text: str, least: int) -> str:
    if all(int(number) <= _LARGEST_COUNT for number in re.findall(r"\d+", text)):
        return text
    return "+" if least else "*"
