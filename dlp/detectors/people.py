"""What a person's papers and letters say: birthdays, passports, patients' numbers, addresses, names behind a label.

A name without a label or a title is a matter for a model, and so is an address without its street's word.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dlp.detectors import addresses, letters, words
from dlp.detectors.checks import is_plausible_birth
from dlp.detectors.letters import HAN, KANA, LETTER, UPPER
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.kinds import Kind

_MONTHS = {
    1: "jan|ene|gen|sty|янв|oca|ocak", 2: "feb|fév|fev|lut|фев|şub|sub", 3: "mar|mär|mrz|maa|март|мар", 4: "apr|avr|abr|kwi|апр|nis", 5: "may|mai|mag|mei|maj|мая|май",
    6: "jun|juin|giu|cze|июн|haz", 7: "jul|juil|lug|lip|июл|tem", 8: "aug|aoû|aou|ago|sie|авг|ağu", 9: "sep|set|wrz|сен|eyl", 10: "oct|okt|ott|out|paź|paz|окт|eki",
    11: "nov|lis|ноя|kas", 12: "dec|dez|déc|dic|gru|дек|ara",
}  # fmt: skip
_MONTH = "|".join(_MONTHS.values())
_NUMERIC = r"\b(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}|(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2})\b"
_DAY_FIRST = rf"(?i)\b\d{{1,2}}(?:st|nd|rd|th|\.|er|º)? (?:de |of )?(?:{_MONTH})[{LETTER}]{{0,9}}\.?,? (?:de |del )?(?:19|20)\d{{2}}\b"
_MONTH_FIRST = rf"(?i)\b(?:{_MONTH})[{LETTER}]{{0,9}}\.? \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}}\b"
_YEAR = r"[ ,.](?:19|20)\d\d\b"
_ASIAN = r"\b(?:19|20)\d{2} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]"
_PASSPORT = r"\b(?:[A-Z]{1,3}[ -]?\d{6,8}|\d{2} ?\d{2} ?\d{5,6}|\d{8,9}|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8}|\d{2}[A-Z]{2}\d{5}|[A-Z]{2}[A-Z0-9]{6}\d)\b"
_MRZ = r"\bP[<A-Z][A-Z<]{3}[A-Z<]{30,39}\s[A-Z0-9<]{30,44}"
_RECORD = r"\b(?:[A-Z]{1,5}[-/ ]?)?\d{4,12}(?:[-/]\d{1,6})?(?:-?[A-Z])?\b"
_LABELS = (
    r"(?:full|first|last|middle|given|family|customer|client|patient|contact|employee|user|account holder|card ?holder|display|sender|recipient|applicant|manager|owner|sur|legal)[_ -]?name"
    r"|\bname|patient|employee|customer|vor(?: ?und nach)?name|nachname|familienname|patientin|mitarbeiter(?:in)?|kunde|kundin|ansprechpartner(?:in)?|\bnom(?: complet| de famille)?|pr[ée]nom|salari[ée]e?|client|nombre(?: completo| y apellidos)?|apellidos?|empleado|cliente|paciente"
    r"|nome(?: completo)?|cognome|paziente|dipendente|sobrenome|funcion[áa]rio|naam|achternaam|voornaam|pati[ëe]nt|medewerker|klant|imi[ęe](?: i nazwisko)?|nazwisko|pacjent(?:ka)?|pracownik|namn|f[öo]rnamn|efternamn|anst[äa]lld|kund|ad[ıi]? soyad[ıi]?|hasta|[çc]al[ıi][şs]an"
    r"|имя|фамилия|ф\.?и\.?о\.?|пациент(?:ка)?|сотрудник|клиент|氏名|名前|お名前|患者(?:名|氏名)?|姓名|员工|客户|성명|이름"
)
_WORD = letters.CAPITALIZED
_SCRIPT = HAN + KANA
_PARTICLES = "(?:(?:van|von|de|der|den|del|della|da|dos|di|la|le|ter|el|al|bin|y) ){0,3}"
_NAME = (
    rf"(?:{_PARTICLES}{_WORD}(?: {_PARTICLES}{_WORD}){{0,3}}|[{_SCRIPT}]{{2,5}}(?:[ ・]?[{_SCRIPT}]{{1,6}})?)"
)
_LABELLED = rf"(?i:(?:{_LABELS}))[\"'*]{{0,3}}\s{{0,2}}[:：=]\s{{0,2}}[\"'*]{{0,3}}({_NAME})"
_TITLE = r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herrn?|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?|Dña|Doña|Don|Signora?|Sig|Sig\.ra|Dott|Dott\.ssa|Senhora?|Dhr|dhr|Mevr|mevr|Meneer|Mevrouw|mevrouw|meneer|Pani?|Panem|Panią|Herr|Fru|Bay|Bayan|г-н|г-жа|господин|госпожа)\.? "
_TITLED = rf"{_TITLE}(?:(?:Dr|Prof)\.? )?({_PARTICLES}{_WORD}(?: {_WORD}){{0,2}})"
_INTRODUCED = (
    r"(?i:\b(?:my name is|my name's|i am called|name is|mein name ist|ich hei(?:ß|ss)e|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome è|(?:meu|o meu) nome é|me chamo|chamo-me|mijn naam is|ik heet|nazywam się|mam na imię|jag heter|mitt namn är|jeg heter|benim adım|adım|меня зовут|my colleague|signed by)|我叫|我的名字是)"
    rf" ?({_NAME})"
)
_HONORED = r"([\x{3400}-\x{9fff}]{2,4}(?:[ ・][\x{3400}-\x{9fff}]{1,3})?)(?:と申します|と申し|様|さん|氏|先生|女士|经理|님)"
_NO_NAME = re.compile(
    r"(?i)^(?:the|a|an|this|that|your|our|unknown|none|null|true|false|test|example|admin|user|string|name|id|please|n/a|yes|no|new|all|any|is|are|was|has|value|type|number|field|list|service|server|company|team|support|"
    r"nummer|nr|numero|número|numéro|numer|номер|date|datum|error|invalid|status|default|required)\b|(?-i:^[A-Z]{2,5}$)|[_/\\]"
)


def rules() -> list[Rule]:
    return [
        _birth("numeric", _NUMERIC, _is_numeric_day, r"\d[./-]\d"),
        _birth("day_first", _DAY_FIRST, _is_written_day, _YEAR),
        _birth("month_first", _MONTH_FIRST, _is_written_day, _YEAR),
        _birth("asian", _ASIAN, _is_numeric_day, r"[年년]"),
        Rule("passport", Kind.PASSPORT, _PASSPORT, 0.2, 0.94, words.PASSPORT, cue=r"\d{4}|[A-Z]\d", edge=Edge.NUMBER),
        Rule("passport.mrz", Kind.PASSPORT, _MRZ, 0.95, cue=r"P[<A-Z][A-Z<]{3}[A-Z<]{4}.*<<", edge=Edge.NONE, bulky=True),
        Rule("medical.record", Kind.MEDICAL, _RECORD, 0.2, 0.94, words.MEDICAL, check=_is_record, cue=r"\d{4}", edge=Edge.NUMBER),
        *(Rule(f"address.{name}", Kind.ADDRESS, pattern, 0.8, judge=_is_no_day if name == "any" else _is_address, trim=_without_stop, edge=Edge.WORD if name == "any" else Edge.NONE, cue=cue) for name, cue, pattern in addresses.patterns()),
        Rule("person.labelled", Kind.PERSON, _LABELLED, 0.75, judge=_is_name, trim=_without_stop, cue=r"[:：=]"),
        Rule("person.introduced", Kind.PERSON, _INTRODUCED, 0.72, judge=_is_name, trim=_without_stop, edge=Edge.NONE, cue=r"(?i)(?:name|appelle|mon nom|llamo|nombre|chiamo|nome|chamo|naam|heet|hei|nazywam|heter|namn|зовут|colleague|signed)|adım|我叫|名字|зовут"),
        Rule("person.titled", Kind.PERSON, _TITLED, 0.7, judge=_is_name, trim=_without_stop, cue=r"\b(?:M[rsxmlaeio]|Dr|Prof|Herr|Frau|S[eri]|D[oñh]|dhr|mevr|mene|Pan|Fru|Bay|г|госпо)"),
        Rule("person.honored", Kind.PERSON, _HONORED, 0.6, cue=r"(?:申し|様|さん|氏|先生|女士|经理|님)", check=_is_honored, edge=Edge.NONE),
        Rule("person.field", Kind.PERSON, rf"^\s*({_NAME})\s*$", 0.1, 0.75, rf"^(?:{_LABELS})", judge=_is_name, trim=_without_stop, cue=r"^[^\n]+$"),
        Rule("person.cell", Kind.PERSON, rf"[|,;\t\"] ?({_NAME})", 0.1, 0.75, rf"^[^:]{{0,12}}(?:{_LABELS})\W{{0,3}}:[^:]{{0,3}}$", judge=_is_whole_cell, trim=_without_stop, edge=Edge.NONE, cue=rf"[|,;\t\"] ?[{UPPER}{HAN}]"),
        Rule("person.first_cell", Kind.PERSON, rf"(?m)^ ?({_NAME})", 0.1, 0.75, rf"^[^:]{{0,12}}(?:{_LABELS})\W{{0,3}}:[^:]{{0,3}}$", judge=_is_whole_cell, trim=_without_stop, edge=Edge.NONE, cue=rf"(?m)^ ?[{UPPER}{HAN}]"),
    ]  # fmt: skip


def _birth(name: str, pattern: str, check: Callable[[str], bool], cue: str) -> Rule:
    """A day is a birthday only beside a word that says so."""
    return Rule(
        f"birth.{name}", Kind.BIRTH, pattern, 0.1, 0.93, words.BIRTH, check, edge=Edge.NUMBER, cue=cue
    )


def _is_numeric_day(value: str) -> bool:
    parts = [int(part) for part in re.findall(r"\d+", value)]
    if len(parts) != 3:
        return False
    if parts[0] > 31:
        year, month, day = parts
    else:
        day, month, year = parts
        year += 0 if year > 99 else (1900 if year > 30 else 2000)
    return is_plausible_birth(year, month, day) or is_plausible_birth(year, day, month)


def _is_written_day(value: str) -> bool:
    numbers = [int(part) for part in re.findall(r"\d+", value)]
    return len(numbers) == 2 and 1 <= numbers[0] <= 31


def _is_record(value: str) -> bool:
    return sum(map(str.isdigit, value)) >= 4 and re.fullmatch(r"(?:19|20)\d\d", value) is None


def _without_stop(value: str) -> int:
    """Names and towns may have a full stop, which then ends the sentence."""
    return len(value.rstrip(" .,;:'’-"))


# May 12, Monday, 2024, London
_DAY_IN_IT = re.compile(rf"\b(?:{_MONTH})\w{{0,7}}\.? \d{{1,2}},.*, (?:19|20)\d\d\b", re.IGNORECASE)


def _is_address(hit: Hit) -> bool:
    return any(map(str.isdigit, hit.value)) and hit.value.count("\n") <= 1


def _is_no_day(hit: Hit) -> bool:
    return _is_address(hit) and _DAY_IN_IT.search(hit.value) is None


def _is_name(hit: Hit) -> bool:
    return _NO_NAME.search(hit.value) is None and len(hit.value) >= 2 and hit.after[:1] not in ("(", "=", "_")


_CELL_END = re.compile(r" *(?:[|,;\t\"\r\n]|$)")


def _is_whole_cell(hit: Hit) -> bool:
    return _is_name(hit) and _CELL_END.match(hit.after) is not None


_NO_HONORED = frozenset({"皆", "客", "お客", "患者", "各位", "奥", "王", "神", "老", "医"})


def _is_honored(value: str) -> bool:
    return value not in _NO_HONORED and not value.endswith(("客", "皆", "者", "业", "公司"))
