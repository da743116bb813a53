"""What an organization adds: words of its own, patterns of its own, and what is never to be found."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dlp.detectors.engine import compiled
from dlp.detectors.plain import plain, plain_pattern
from dlp.detectors.rule import Edge, Rule
from dlp.findings import Finding

MAX_TERMS = 5_000
MAX_TERM = 200  # characters
MAX_PATTERN = 500
ALLOWED_SIGNS = 32  # of a digest in an allow-list
MAX_TRIED = 10_000  # characters of a text that a pattern is tried on
_TOGETHER = 250  # terms in one pattern
_PATTERN_BYTES = 1 << 20
_TERM_BYTES = 32 << 20
CERTAIN = 0.99  # what an organization says itself wins over what we think


def pattern_fault(pattern: str, *, matches: Sequence[str] = (), spares: Sequence[str] = ()) -> str | None:
    """What is wrong with a pattern, in words for the person who wrote it; None if it may be saved. It must find something
    in each text of `matches` and nothing in those of `spares`."""
    if not pattern.strip():
        return "Write a pattern, for example EMP-\\d{6}."
    if len(pattern) > MAX_PATTERN:
        return (
            f"The pattern has {len(pattern)} characters; {MAX_PATTERN} are the most. Split it into several."
        )
    try:
        made = compiled(plain_pattern(pattern), _PATTERN_BYTES)
    except ValueError as error:
        return _engine_fault(str(error))
    if made.search(b"") is not None or made.fullmatch(b"") is not None:
        return "The pattern matches the empty text, so it would match everywhere. Ask for at least one character."
    for text in matches:
        if not _finds(made, text):
            return f"The pattern does not find anything in the example “{_shortened(text)}”."
    for text in spares:
        if _finds(made, text):
            return f"The pattern finds something in “{_shortened(text)}”, which it should leave alone."
    return None


def pattern_rule(name: str, kind: str, pattern: str, *, score: float = CERTAIN) -> Rule:
    """ValueError with the fault's words if it has one."""
    fault = pattern_fault(pattern)
    if fault is not None:
        raise ValueError(fault)
    return Rule(name, kind, plain_pattern(pattern), score, edge=Edge.NONE, bulky=True)


def dictionary_fault(terms: Sequence[str]) -> str | None:
    if len(terms) > MAX_TERMS:
        return f"The dictionary has {len(terms)} entries; {MAX_TERMS} are the most."
    for number, term in enumerate(terms, 1):
        if len(term.strip()) < 2:
            return f"Entry {number} is shorter than two characters, so it would be found in most texts."
        if len(term) > MAX_TERM:
            return f"Entry {number} has {len(term)} characters; {MAX_TERM} are the most."
    return None


def dictionary_rules(name: str, kind: str, terms: Sequence[str], *, score: float = CERTAIN) -> list[Rule]:
    """Whole words in any case, searched for without a cue, since hyperscan takes long to make a thousand; a blank in an entry stands for any blanks. ValueError if the dictionary has a fault."""
    fault = dictionary_fault(terms)
    if fault is not None:
        raise ValueError(fault)
    distinct = sorted({term.strip() for term in terms}, key=lambda term: (-len(term), term))
    return [
        Rule(f"{name}.{number}", kind, pattern, score, edge=Edge.WORD, bulky=True, cue=r"\S")
        for number, pattern in enumerate(_alternations(distinct))
    ]


def _alternations(terms: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(terms), _TOGETHER):
        yield "(?i)(?:" + "|".join(map(_literal, terms[start : start + _TOGETHER])) + ")"


def _literal(term: str) -> str:
    return r"[\s\x{a0}]{1,4}".join(_escaped(word) for word in plain(term).split())


def _escaped(word: str) -> str:
    return "".join("\\" + sign if sign.isascii() and not sign.isalnum() else sign for sign in word)


class Allowed:
    """Values that are never findings, of every kind or of one. Case, blanks and hyphens make no difference."""

    def __init__(
        self,
        entries: Iterable[tuple[str, str | None]],
        digests: Iterable[tuple[str, str | None]] = (),
        key: bytes = b"",
    ) -> None:
        """Each a value, or its `allowed_digest` under the key, and the kind that it is allowed for, None for all."""
        self._entries = frozenset((folded(value), kind) for value, kind in entries)
        self._digests = frozenset(digests)
        self._key = key

    def spares(self, finding: Finding, text: str) -> bool:
        value = folded(finding.value(text))
        if self._has(self._entries, value, finding.kind):
            return True
        return bool(self._digests) and self._has(self._digests, _keyed(value, self._key), finding.kind)

    @staticmethod
    def _has(known: frozenset[tuple[str, str | None]], value: str, kind: str) -> bool:
        return (value, None) in known or (value, kind) in known

    def left(self, findings: Iterable[Finding], text: str) -> list[Finding]:
        if not self._entries and not self._digests:
            return list(findings)
        return [finding for finding in findings if not self.spares(finding, text)]


def folded(value: str) -> str:
    return re.sub(r"[\s\-‐-―]+", "", unicodedata.normalize("NFKC", value)).casefold()


def allowed_digest(value: str, key: bytes) -> str:
    """What stands for a value in an allow-list that must not show it: the same for all spellings that are one value."""
    return _keyed(folded(value), key)


def _keyed(value: str, key: bytes) -> str:
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:ALLOWED_SIGNS]


def _finds(made: Any, text: str) -> bool:
    return bool(made.search(plain(text[:MAX_TRIED]).encode("utf-8", "replace")))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _engine_fault(said: str) -> str:
    """RE2's message, with the remedy for what people bring from other engines."""
    if "perl operator" in said or "(?<" in said:
        what = "Look-around is not supported: the engine runs in linear time. Match the surroundings too, and put the value itself in a group"
    elif "escape sequence" in said and re.search(r"\\[1-9]", said):
        what = "Back-references such as \\1 are not supported: the engine runs in linear time"
    elif "too large" in said or "repetition" in said:
        what = "The pattern is too large. Use smaller counts, such as {1,50}, or + without a count"
    else:
        what = "The pattern cannot be read"
    return f"{what} ({said})."
