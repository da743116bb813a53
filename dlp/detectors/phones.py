"""Telephone numbers: a shape, then Google's numbering plans."""

from __future__ import annotations

import re

import phonenumbers

from dlp.detectors import countries, words
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.kinds import Kind

# A number without its country is tried in these, most likely first: those whose languages we have words of.
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "PT", "BR", "NL", "PL", "SE", "TR", "RU", "JP", "CN", "IN", "MX", "AU", "CH", "AT")  # fmt: skip
_BY_WORD = (
    (re.compile(r"rufnummer|r[uü]ckruf|anruf|handy|erreich|durchwahl", re.I), ("DE", "AT", "CH")),
    (re.compile(r"t[ée]l[ée]phone|t[ée]l|portable|appele|joindre", re.I), ("FR", "BE", "CH", "DE", "GB")),
    (re.compile(r"telefoon|mobiel|bel|bereikbaar", re.I), ("NL", "BE")),
    (re.compile(r"m[oó]vil|celular|tel[eé]fono|ll[aá]m", re.I), ("ES", "MX", "AR", "CO", "IT", "BR")),
    (re.compile(r"telefone|telem|lig|conta", re.I), ("BR", "PT")),
    (re.compile(r"cellulare|chiam|recapito", re.I), ("IT",)),
    (re.compile(r"[а-яё]", re.I), ("RU", "UA", "KZ")),
    (re.compile(r"[電携連]"), ("JP",)),
    (re.compile(r"[电手联致話]"), ("CN", "TW", "JP")),
    (re.compile(r"[가-힣]"), ("KR",)),
)
_INTERNATIONAL = r"(?:\+|\b00)[1-9]\d{0,2}[\d ().\-/]{5,18}\d\b"
_NATIONAL = r"\(?\b\d{1,5}\)?(?:[ ./-]{1,2}\(?\d{1,5}\)?){0,5}[ ./-]?\d{2,8}\b"
# So shaped that it says what it is: (555) 010-1234, 555-010-1234, 06 12 34 56 78, 138 0013 8000, 090-1234-5678.
_TYPICAL = (
    r"\(\d{3}\) ?\d{3}[-.]\d{4}\b"
    r"|\b\d{3}[-.]\d{3}[-.]\d{4}\b"
    r"|\b0[1-9](?:[ .]\d{2}){4}\b"
    r"|\b0\d{1,3}-\d{1,4}-\d{4}\b"
    r"|\b1[3-9]\d-?\d{4}-?\d{4}\b"
    r"|\(\d{2}\) ?9?\d{4}-\d{4}\b"
    r"|\(0\d{1,4}\) ?\d{3,4}[ -]?\d{3,4}\b"
    r"|\(\d{2}\) ?\d{3}-\d{3,4}\b"
    r"|\b0\d{1,4}[ /-]\d{6,8}\b"
    r"|\b0\d{2,5}(?: \d{2}){2,4}\b"
    r"|\b0\d{1,3} \d{3,4} \d{4}\b"
    r"|\b0\d{1,4}[ -]\d{3}[ -]\d{2,4}(?:[ -]\d{2,4})?\b"
    r"|\b8[ (-]{1,2}9\d{2}[ )-]{1,2}\d{3}[ -]?\d{2}[ -]?\d{2}\b"
)
_TYPICAL_REGIONS = (
    "US", "FR", "JP", "CN", "BR", "DE", "GB", "RU", "IN", "FI", "SE", "NL", "AU", "ZA", "IT", "BE", "AT", "CH", "NZ", "HU", "SI", "TR",
)  # fmt: skip
# So dotted it may be an IP address, too: only right behind a word for nothing but a telephone.
_DOTTED = (
    r"\b(?i:t[ée]l(?:[ée]phone|e?fon|efoon|efone|[ée]fono)?|tlf|phone|mobile?|m[oó]vil|cellulare|handy|gsm|fax|телефон|тел)"
    r"(?: ?(?:no|nr|n[°º]))?[.]? ?[:：]? {0,2}(\d{2,3}(?:\.\d{2,3}){3}\b)"
)
_MONEY = re.compile(r" ?(?:[€$£¥%]|EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|kr\b|zł|Kč|million|Mio)")
_GROUP_OF_A_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DIGITS = r"\d[ ()./-]*\d[ ()./-]*\d[ ()./-]*\d"
_EXTENSION = r"(?:,? ?(?:ext\.?|x|extension) ?\d{1,5})?"


def rules() -> list[Rule]:
    return [
        Rule("phone.international", Kind.PHONE, _INTERNATIONAL + _EXTENSION, 0.88, 0.95, words.PHONE, judge=_is_international, costly=True, trim=_international_length, edge=Edge.WORD, cue=r"(?:\+|00)[1-9]"),
        Rule("phone.typical", Kind.PHONE, f"(?:{_TYPICAL}){_EXTENSION}", 0.62, 0.93, words.PHONE, judge=_is_typical, costly=True, cue=_DIGITS, edge=Edge.NUMBER),
        Rule("phone.national", Kind.PHONE, _NATIONAL + _EXTENSION, 0.2, 0.9, words.PHONE, judge=_is_national, costly=True, edge=Edge.NUMBER, cue=_DIGITS),
        Rule("phone.dotted", Kind.PHONE, _DOTTED, 0.9, 0.9, words.PHONE, judge=_is_dotted, costly=True, edge=Edge.NUMBER, cue=r"\d\.\d{2,3}\.\d{2,3}\.\d"),
        Rule("phone.country", Kind.PHONE, _NATIONAL + _EXTENSION, 0.2, 0.78, countries.WORDS, judge=_is_of_country, costly=True, edge=Edge.NUMBER, cue=_DIGITS),
    ]  # fmt: skip


def _international_length(value: str) -> int:
    """Another number may follow after a blank: the longest beginning that is a number, else all of it."""
    ends = [len(value), *(gap.start() for gap in reversed(list(re.finditer(r" +", value))))]
    return next((end for end in ends if _is_valid(_with_plus(value[:end]), None)), len(value))


def _with_plus(value: str) -> str:
    return "+" + value[2:] if value.startswith("00") else value


def _is_international(hit: Hit) -> bool:
    digits = sum(map(str.isdigit, hit.value))
    if not 8 <= digits <= 20:
        return False
    value = _with_plus(hit.value)
    if _is_valid(value, None):
        return True
    # Made-up numbers of a real country are possible, and are meant: +1 555 … in a film, a test or a complaint.
    return hit.value.startswith("+") and _is_possible(value, None)


def _is_typical(hit: Hit) -> bool:
    if hit.context:
        return _is_national(hit) or any(_is_possible(hit.value, region) for region in _TYPICAL_REGIONS)
    return any(_is_valid(hit.value, region) for region in _TYPICAL_REGIONS)


def _is_dotted(hit: Hit) -> bool:
    return not _PRIVATE.match(hit.value) and _is_in_plan(hit)


def _is_national(hit: Hit) -> bool:
    return not _OCTETS.fullmatch(hit.value) and _is_in_plan(hit)


def _is_in_plan(hit: Hit) -> bool:
    digits = sum(map(str.isdigit, hit.value))
    if not 6 <= digits <= 15 or _DATE.fullmatch(hit.value):
        return False
    if hit.value.isdigit() and not 8 <= digits <= 12:
        return False
    named = next((regions for word, regions in _BY_WORD if word.search(hit.context)), ())
    return any(_is_valid(hit.value, region) for region in (*named, *_REGIONS)) or (
        digits >= 7 and any(_is_possible(hit.value, region) for region in named or ("US", "GB", "DE"))
    )


def _is_of_country(hit: Hit) -> bool:
    """Beside a country's name: a number that is one there, dialled as from inside of it."""
    region = countries.region(hit.context)
    digits = "".join(filter(str.isdigit, hit.value))
    if (
        region is None
        or not 7 <= len(digits) <= 12
        or _GROUP_OF_A_YEAR.search(hit.value)
        or _MONEY.match(hit.after)
    ):
        return False
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    prefix = metadata.national_prefix if metadata is not None else None
    if prefix == "0" and not digits.startswith("0"):
        return False
    alone = hit.before.rpartition("\n")[2].strip() == "" and hit.after.lstrip(" \r")[:1] in ("", "\n")
    return _is_possible(hit.value, region) if alone else _is_valid(hit.value, region)


_OCTET = r"(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])"
# An IP address or a version, in which no word makes a number; where one has a zero in front, it is neither.
_OCTETS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_PRIVATE = re.compile(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?: \d{1,2})?|\d{4}")


def _is_valid(value: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False


def _is_possible(value: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False
