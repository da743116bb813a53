"""What a language of the set is made of."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass

_DRAWN = {"#": string.digits, "%": "123456789", "@": string.ascii_uppercase}


@dataclass(frozen=True)
class Place:
    """Of one country: `lines` say how `{street}`, `{house}` and `{town}` make an address, `{br}` is a comma or a new line.

    Houses and towns are patterns (see `shaped`); a town carries its post code.
    """

    streets: tuple[str, ...]
    houses: tuple[str, ...]
    towns: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    form: str
    clean: bool
    text: str


@dataclass(frozen=True)
class Language:
    """Names may carry how they read in Latin letters after a slash. Phones, passports and records are patterns, accounts too
    unless they name a country whose numbers have check digits.

    `dates` are formats over d, m, y, month, era and year_of_era. Names of `products` look like those of people.
    """

    code: str
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    places: tuple[Place, ...]
    phones: tuple[str, ...]
    providers: tuple[str, ...]
    firms: tuple[str, ...]
    months: tuple[str, ...]
    dates: Mapping[str, str]
    ibans: tuple[str, ...]
    accounts: tuple[str, ...]
    passports: tuple[str, ...]
    records: tuple[str, ...]
    companies: tuple[str, ...]
    products: tuple[str, ...]
    words: tuple[str, ...]
    templates: tuple[Template, ...]
    families_of_women: tuple[str, ...] = ()
    orders: tuple[str, ...] = ("{given} {family}",)
    second_family: str = ""
    """What stands between two family names, where people have two."""
    doubled: float = 0.0


def listed(text: str) -> tuple[str, ...]:
    """Of names with commas between them, over any number of lines."""
    return tuple(name for part in text.split(",") if (name := " ".join(part.split())))


def templates(text: str) -> tuple[Template, ...]:
    """Parted by lines of `====`; the first line of each is its form, after `clean ` where no personal data is inside."""
    return tuple(_template(block.strip("\n")) for block in text.split("\n====\n"))


def shaped(pattern: str, drawn: random.Random) -> str:
    """`#` becomes a digit, `%` one that is not zero, `@` a capital letter; all else stays."""
    return "".join(drawn.choice(_DRAWN[one]) if one in _DRAWN else one for one in pattern)


def _template(block: str) -> Template:
    head, _, text = block.partition("\n")
    return Template(head.removeprefix("clean "), head.startswith("clean "), text)
