"""A pattern of characters as a wider one of bytes, for hyperscan: its automata of UTF-8 take seconds to make, of bytes none.

Wherever the pattern matches a text, the made one matches its UTF-8. A character that is no ASCII in a class, or that any
class may hold, becomes any bytes beyond ASCII; one outside of classes becomes its bytes, in either case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEYOND = r"[\x80-\xff]+"
_ANY = rf"(?:[\x00-\x7f]|{_BEYOND})"
_TOKENS = re.compile(
    r"""(?P<quoted>\\Q.*)
      | (?P<code>\\x(?:\{(?P<hex>[0-9A-Fa-f]+)\}|(?P<two>[0-9A-Fa-f]{2})))
      | (?P<octal>\\[0-7]{1,3})
      | (?P<letters>\\[pP](?:\{[^}]*\}|.))
      | (?P<escape>\\.)
      | (?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\x\{[0-9A-Fa-f]+\}|\\.|[^\]\\])*\])
      | (?P<any>\.)
      | (?P<count>\{(?P<least>\d+)(?:,\d*)?\})
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_SIGN = r"\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\[0-7]{1,3}|\\.|."
_IN_CLASS = re.compile(
    rf"(?P<named>\[:\^?\w+:\]|\\[dswDSW])|(?P<letters>\\[pP](?:\{{[^}}]*\}}|.))|(?P<first>{_SIGN})(?:-(?P<last>{_SIGN}))?",
    re.DOTALL,
)
_LARGEST_COUNT = 8  # a larger one becomes "any number": counts make large automata


def bytewise(pattern: str) -> bytes:
    """A pattern with \\Q in it is not taken apart: from there on it is any bytes."""
    return "".join(_wider(pattern)).encode("latin-1")


def _wider(pattern: str) -> Iterator[str]:
    for token in _TOKENS.finditer(pattern):
        text = token[0]
        if token["quoted"]:
            yield "(?s:.*)"
        elif token["code"]:
            yield _literal(chr(int(token["hex"] or token["two"], 16)))
        elif token["octal"]:
            yield _literal(chr(int(text[1:], 8)))
        elif token["letters"]:
            yield _ANY
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
    """What of it is ASCII, and any bytes beyond if it may hold such a character. One that lies across the border is anything."""
    opening = "[^" if text.startswith("[^") else "["
    kept: list[str] = []
    for item in _IN_CLASS.finditer(text[len(opening) : -1]):
        if item["letters"]:
            return _ANY
        if item["named"] or _code(item["last"] or item["first"]) < 128:
            kept.append(item[0])
        elif _code(item["first"]) < 128:
            return _ANY
    inner = "".join(kept)
    if opening == "[" and inner.startswith("^"):
        inner = "\\" + inner
    whole = f"{opening}{inner}]"
    if whole == text and opening == "[" and not re.search(r"\\[SWD]|\[:\^", text):
        return text
    if not inner:
        return _ANY if opening == "[^" else rf"(?:{_BEYOND})"
    return rf"(?:{whole}|{_BEYOND})"


def _code(sign: str) -> int:
    if sign.startswith("\\x"):
        return int(sign[2:].strip("{}"), 16)
    if sign[0] == "\\" and sign[1:].isdigit():
        return int(sign[1:], 8)
    return ord(sign[-1])


def _count(text: str, least: int) -> str:
    if all(int(number) <= _LARGEST_COUNT for number in re.findall(r"\d+", text)):
        return text
    return "+" if least else "*"
