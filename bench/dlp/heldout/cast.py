"""The people of one document."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

from bench.dlp.heldout.language import Language

_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "æ": "ae"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_FIRST, _LAST = date(1938, 1, 1), date(2006, 12, 31)
_MAILBOXES = ("{g}.{f}", "{g}.{f}", "{g}{f}", "{i}.{f}", "{i}{f}{n}", "{f}.{g}", "{g}_{f}", "{g}.{f}{y}", "{g}{y}", "{g}-{f}")  # fmt: skip


@dataclass(frozen=True)
class Person:
    woman: bool
    given: str
    family: str
    latin_given: str
    latin_family: str
    born: date


def cast(language: Language, drawn: random.Random) -> tuple[Person, ...]:
    """Four: a woman, a man, a woman, a man, so that documents agree with them."""
    return tuple(_person(language, drawn, woman) for woman in (True, False, True, False))


def mailbox(person: Person, language: Language, drawn: random.Random) -> str:
    names = (person.latin_given, person.latin_family)
    if language.code == "de":
        names = (names[0].translate(_UMLAUTS), names[1].translate(_UMLAUTS))
    given, family = plain(names[0]).lower(), plain(names[1]).lower()
    local = drawn.choice(_MAILBOXES).format(
        g=given, f=family, i=given[:1], n=drawn.randrange(1, 99), y=person.born.year % 100
    )
    tag = drawn.choice(("+shop", "+news", "+lists")) if drawn.random() < 0.05 else ""
    domain = drawn.choice(language.providers if drawn.random() < 0.5 else language.firms)
    return f"{local}{tag}@{domain}"


def plain(name: str) -> str:
    """In the letters of a mailbox: no accents, no spaces."""
    folded = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    return "".join(one for one in folded if one.isascii() and (one.isalnum() or one == "-"))


def _person(language: Language, drawn: random.Random, woman: bool) -> Person:
    given, latin_given = _read(drawn.choice(language.women if woman else language.men))
    families = (language.families_of_women if woman else ()) or language.families
    first, second = drawn.sample(families, 2)
    family, latin_family = _read(first)
    if drawn.random() < language.doubled:
        family = f"{family}{language.second_family}{second}"
    born = _FIRST + timedelta(days=drawn.randrange((_LAST - _FIRST).days))
    return Person(woman, given, family, latin_given, latin_family, born)


def _read(entry: str) -> tuple[str, str]:
    name, _, latin = entry.partition("/")
    return name, latin or name
