"""The head of a CSV file: what stands between its columns, how they are called, and which of them is probably what. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from billing.reconcile.connectors.mapped import MOST_BYTES, decoded, delimiting, unreadable
from orbit.lib.errors import InputError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MOST_COLUMNS = 200
_LOOKED_AT = 64_000  # bytes in which the first line must end
# Words by which columns are known, the likelier first.
_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("date", "day", "timestamp", "period", "time"),
    "cached": ("cachedinput", "cachedtokens", "cacheread", "cached"),
    "cache_write": ("cachewrite", "cachecreation"),
    "input": ("inputtokens", "prompttokens", "input", "prompt", "in"),
    "output": ("outputtokens", "completiontokens", "generatedtokens", "output", "completion", "out"),
    "model": ("model", "modelname", "deployment", "sku"),
    "key": ("apikey", "apikeyid", "keyid", "key"),
    "requests": ("requests", "requestcount", "calls", "numrequests", "count"),
    "amount": ("amount", "cost", "total", "price", "charge", "spend"),
}


@dataclass(frozen=True, slots=True)
class Header:
    delimiter: str
    columns: tuple[str, ...]


def read(content: bytes, delimiter: str = "") -> Header:
    """The delimiter is the one that makes the most columns, unless it is named. InputError where there is no header."""
    if len(content) > MOST_BYTES:
        raise InputError("file", f"is larger than {MOST_BYTES // 1_000_000} MB", "import a shorter time")
    line, _, _ = content[:_LOOKED_AT].partition(b"\n")
    text = decoded(line).rstrip("\r")
    tried = [delimiting(delimiter)] if delimiter else list(DELIMITERS)
    try:
        made = [(one, _columns(text, one)) for one in tried]
    except csv.Error:
        raise unreadable() from None
    delimiter, columns = max(made, key=lambda one: len(one[1]))
    if not columns or len(columns) > MOST_COLUMNS:
        raise InputError("file", "has no line of column names", "its first line must name the columns")
    return Header(delimiter, columns)


def _columns(text: str, delimiter: str) -> tuple[str, ...]:
    (row,) = csv.reader(io.StringIO(text), delimiter=delimiter) if text.strip() else ([],)
    return tuple(name for name in row if name.strip())


def guessed(columns: Sequence[str]) -> dict[str, str]:
    """Entries of a mapping, by how the columns are called; each column is at most one thing. A guess, to be looked at."""
    left = {_plain(name): name for name in reversed(columns)}
    made: dict[str, str] = {}
    for exactly in (True, False):
        for entry, words in _WORDS.items():
            if entry not in made and (plain := _like(words, left, exactly=exactly)):
                made[entry] = left.pop(plain)
    if "cent" in _plain(made.get("amount", "")):
        made["amount_in"] = "cents"
    return made


def _like(words: Sequence[str], names: dict[str, str], *, exactly: bool) -> str:
    for word in words:
        for name in names:
            if name == word or (not exactly and len(word) > 3 and word in name):
                return name
    return ""


def _plain(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalnum())
