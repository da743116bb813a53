"""Cards and accounts."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

from dlp.detectors import checks, words
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.kinds import Kind

_CARD = r"\b\d{4}[ -]?\d{2,6}[ -]?\d{2,5}[ -]?\d{2,5}(?:[ -]?\d{1,4})?\b"
_IBAN = r"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b"
_CZECH = r"\b(?:\d{2,6}-)?\d{6,10}/\d{4}\b"
_ACCOUNT = r"\b\d[\d -]{4,22}\d\b"
_SORT_CODE = r"\b\d{2}-\d{2}-\d{2}\b"
_DIGITS = r"\d[- /]?\d[- /]?\d[- /]?\d"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[- ]\d{1,2}[- ]\d{2,4}")


def rules() -> list[Rule]:
    return [
        Rule("card", Kind.CARD, _CARD, 0.93, check=checks.is_card, edge=Edge.NUMBER, cue=_DIGITS),
        Rule("iban", Kind.IBAN, _IBAN, 0.97, check=checks.is_iban, trim=checks.iban_length, bulky=True, cue=r"(?i)[A-Z]{2}\d{2}[ -]?[A-Z0-9]{4}"),
        Rule("bank.clabe", Kind.BANK_ACCOUNT, r"\b\d{18}\b", 0.3, 0.9, words.BANK, edge=Edge.NUMBER, cue=_DIGITS),
        Rule("bank.es", Kind.BANK_ACCOUNT, r"\b\d{4}[ -]?\d{4}[ -]?\d{2}[ -]?\d{10}\b", 0.8, 0.9, words.BANK, check=_stdnum("es.ccc"), edge=Edge.NUMBER, cue=_DIGITS),
        Rule("bank.cz", Kind.BANK_ACCOUNT, _CZECH, 0.45, 0.9, words.BANK, check=_stdnum("cz.bankaccount"), edge=Edge.NUMBER, cue=_DIGITS),
        Rule("bank.routing", Kind.BANK_ACCOUNT, r"\b\d{9}\b", 0.3, 0.9, r"routing|\baba\b|\brtn\b", check=_stdnum("us.rtn"), edge=Edge.NUMBER, cue=_DIGITS),
        Rule("bank.sort_code", Kind.BANK_ACCOUNT, _SORT_CODE, 0.3, 0.85, r"sort[ _-]?code", edge=Edge.NUMBER, cue=_DIGITS),
        Rule("bank.account", Kind.BANK_ACCOUNT, _ACCOUNT, 0.2, 0.87, words.BANK, judge=_is_account, edge=Edge.NUMBER, cue=_DIGITS),
    ]  # fmt: skip


def _is_account(hit: Hit) -> bool:
    digits = sum(map(str.isdigit, hit.value))
    return 6 <= digits <= 20 and _DATE.fullmatch(hit.value) is None


def _stdnum(name: str) -> Callable[[str], bool]:
    module = import_module(f"stdnum.{name}")
    return lambda value: bool(module.is_valid(value))
