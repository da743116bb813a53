"""What a rule is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Edge(Enum):
    """What must not adjoin a match."""

    NONE = "nothing is asked"
    WORD = "no letter, digit or underscore"
    NUMBER = "nor a dot, hyphen or slash with a digit behind it: a part of a longer number"


@dataclass(frozen=True)
class Hit:
    """A place where a rule's pattern matched. `before` is what stands in front of it, label or header first; `context` is
    the word of the rule's context that was found, or empty."""

    value: str
    before: str
    after: str
    context: str


@dataclass(frozen=True)
class Rule:
    """`pattern` is RE2's; if it has a group, the first one is the value. `score` holds alone, `near` beside a word of
    `context`; each counts only if `check` and `judge` agree. `cue` is what the pattern cannot match without, where that
    is cheaper to look for. `trim` says how many characters of a match are the value, where the pattern cannot. `bulky` rules look into base64 too.
    `judge` of a `costly` one takes a good part of a millisecond, looks at value and context alone, and is asked only so often
    for one text."""

    name: str
    kind: str
    pattern: str
    score: float
    near: float = 0.0
    context: str = ""
    check: Callable[[str], bool] | None = None
    judge: Callable[[Hit], bool] | None = None
    edge: Edge = Edge.WORD
    cue: str = ""
    trim: Callable[[str], int] | None = None
    bulky: bool = False
    costly: bool = False
