"""How random a text looks."""

from __future__ import annotations

from collections import Counter
from math import log2


def bits_per_sign(text: str) -> float:
    """Shannon's entropy of its signs; 0 of an empty text."""
    length = len(text)
    return -sum(count / length * log2(count / length) for count in Counter(text).values())


def kinds_of_signs(text: str) -> int:
    """Of lower case, upper case, digits and others, how many occur."""
    return (
        any(map(str.islower, text))
        + any(map(str.isupper, text))
        + any(map(str.isdigit, text))
        + any(not sign.isalnum() for sign in text)
    )
