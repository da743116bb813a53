"""Request bodies: decoded strictly, once. What was checked is what is sent."""

from __future__ import annotations

import json
import math
import re
from array import array
from itertools import accumulate
from typing import Any

from orbit.lib import numbers
from orbit.lib.errors import Code, OrbitError

DEPTH = 64
SLICE = 10_000  # brackets looked at together
DIGITS = 19  # of an integer; more would not travel through other parsers unchanged
MORE: int = 10**DIGITS
MOST_DIGITS = 400  # of one that a model wrote into the input of a tool call


class _Rejected(ValueError):
    pass


class _TooLong(_Rejected):
    def __init__(self) -> None:
        super().__init__("contains a number out of range")


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body. INVALID_REQUEST for what two parsers could read differently:

    duplicate keys, numbers that are not finite or too long, nesting beyond 64, lone surrogates, NUL. What a model wrote
    into the input of a tool call comes back with all its digits.
    """
    try:
        text = raw.decode("utf-8")
        if nests_too_deep(raw):
            raise _Rejected(f"is nested deeper than {DEPTH} levels")
        body = _decoded(text)
    except UnicodeDecodeError as error:
        raise _invalid("is not valid UTF-8") from error
    except _Rejected as error:
        raise _invalid(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _invalid("is not valid JSON") from error
    if not isinstance(body, dict):
        raise _invalid("must be a JSON object")
    if b"\\u" in raw:
        _check_escapes(body)
    elif "\x00" in text:
        raise _invalid("contains a NUL character")
    return body


def _decoded(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except _TooLong:
        body = _long_decoder.decode(text)
        _check_integers(body)
        return body


def _check_integers(body: Any) -> None:
    """None is too long but in the input of tool calls."""
    todo = [body]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            called = item.get("type") == "tool_use"
            todo.extend(value for name, value in item.items() if not (called and name == "input"))
        elif isinstance(item, int) and not _fits(item):
            raise _TooLong


def encode(body: dict[str, Any]) -> bytes:
    """The body as it travels on after a change."""
    return numbers.write(body)


def _invalid(what: str) -> OrbitError:
    return OrbitError(Code.INVALID_REQUEST, f"The request body {what}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Rejected("has the same key twice in one object")
    return made


def _constant(name: str) -> Any:
    raise _Rejected(f"contains {name}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Rejected("contains a number out of range")
    return number


def _int(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS or not _fits(number := int(text)):
        raise _TooLong
    return number


def _long_int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _TooLong
    return int(text)


def _fits(number: int) -> bool:
    return -(2**63) <= number < MORE


# a string without its end runs to the end of the body, so that no byte is looked at twice
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")  # one deeper, one less
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)

_long_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_long_int
)


def nests_too_deep(raw: bytes) -> bool:
    """Whether brackets nest beyond DEPTH; counted only when there are enough of them, at C's speed."""
    if raw.count(b"{") + raw.count(b"[") <= DEPTH:
        return False
    steps = array("b", _STRING.sub(b"", raw).translate(_STEPS, _NO_BRACKETS))
    depth = 0
    for start in range(0, len(steps), SLICE):
        depths = list(accumulate(steps[start : start + SLICE], initial=depth))
        if max(depths) > DEPTH:
            return True
        depth = depths[-1]
    return False


def _check_escapes(value: Any) -> None:
    """Escapes can spell what UTF-8 cannot."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.keys())
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, str):
            if "\x00" in item:
                raise _invalid("contains a NUL character")
            if any("\ud800" <= character <= "\udfff" for character in item):
                raise _invalid("contains half of a surrogate pair")
