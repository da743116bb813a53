"""A second set that nobody here wrote: the templates and personas of the package `presidio-evaluator`.

Read as files from `.venv-evaluation`; nothing of the package is imported. English templates, personas of many countries.
What its templates fill in and no rule of ours claims to find (towns, countries, professions …) has no gold span.

Templates and personas are parted into halves by their digests: what is missed in the one is looked at when rules are made, of the other
only figures. So the other half tells how rules do on what nobody looked at.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from bench.dlp.documents import Document, Gold
from bench.dlp.values import Values
from orbit.launcher.state import PROJECT

_FOLDER = "presidio_evaluator/data_generator/raw_data"
_FIELD = re.compile(r"\{\{(\w+)\}\}")
_NO_SPAN = ""
HALVES = ("development", "test")


def folder() -> Path | None:
    """Where the package's files are, if it is installed."""
    found = sorted((PROJECT / ".venv-evaluation").glob(f"lib/python*/site-packages/{_FOLDER}"))
    return found[0] if found else None


def documents(where: Path, half: str, count: int, seed: int) -> Iterator[Document]:
    drawn = random.Random(seed)
    lines = [line for line in (where / "templates.txt").read_text().splitlines() if line.strip()]
    with (where / "FakeNameGenerator.com_3000.csv").open(encoding="utf-8-sig", newline="") as file:
        personas = list(csv.DictReader(file))
    lines = [line for line in lines if _half(line) == half]
    personas = [one for one in personas if _half(one["GivenName"] + one["Surname"]) == half]
    for _ in range(count):
        template = drawn.choice(lines)
        filler = _Filler(drawn.choice(personas), drawn)
        yield _filled(template.replace("\\n", "\n"), filler)


def _half(text: str) -> str:
    return HALVES[crc32(text.encode()) % 2]


class _Filler:
    def __init__(self, persona: dict[str, str], drawn: random.Random) -> None:
        self.persona = persona
        self.drawn = drawn
        self.values = Values("en", drawn)

    def value(self, name: str) -> tuple[str, str]:
        """A value and its kind, which is empty where no rule claims it."""
        if name in _OURS:
            return self.values.value(_OURS[name], "")[0], _OURS[name]
        if name in _PERSONA:
            column, kind = _PERSONA[name]
            return " ".join(self.persona[part] for part in column), kind
        if name == "address":
            fields = ("StreetAddress", "City", "ZipCode", "CountryFull")
            return ", ".join(self.persona[part] for part in fields if self.persona[part]), "ADDRESS"
        if name == "building_number":
            return str(self.drawn.randrange(1, 400)), "ADDRESS"
        made: Callable[[random.Random], str] = _OTHERS.get(name, lambda _: "something")
        return made(self.drawn), _NO_SPAN


def _filled(template: str, filler: _Filler) -> Document:
    parts: list[str] = []
    spans: list[Gold] = []
    place = length = 0
    for field in _FIELD.finditer(template):
        before = template[place : field.start()]
        value, kind = filler.value(field[1])
        if template in _UNSAID:
            kind = _NO_SPAN
        start = length + len(before)
        if (
            field[1] in _OF_ADDRESSES
            and spans
            and spans[-1].kind == "ADDRESS"
            and _adjoins(spans[-1].end, length, before)
        ):
            spans.append(replace(spans.pop(), end=start + len(value)))
        elif kind == "ADDRESS" and spans and spans[-1].kind == kind and start - spans[-1].end <= 1:
            start = spans.pop().start  # number and street are one address
            spans.append(Gold(start, length + len(before) + len(value), kind))
        elif kind:
            spans.append(Gold(start, start + len(value), kind))
        parts += before, value
        length, place = length + len(before) + len(value), field.end()
    return Document("".join([*parts, template[place:]]), tuple(spans), "en", "presidio")


def _adjoins(end: int, length: int, before: str) -> bool:
    """Whether the address goes on: only what parts its lines stands between."""
    return end == length and before.strip(" ,\n>") == ""


# What an address goes on with behind its street.
_OF_ADDRESSES = frozenset({"secondary_address", "city", "state_abbr", "postcode", "zipcode", "country"})
# A date in it is its author's birthday and nothing in the text says so.
_UNSAID = frozenset({"It's like that since {{date_of_birth}}"})
_NAME = ("GivenName", "Surname")
_PERSONA: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("person", "name", "name_male", "name_female"), (_NAME, "PERSON")),
    **dict.fromkeys(("first_name", "first_name_male", "first_name_female", "first_name_nonbinary"), (("GivenName",), "PERSON")),
    **dict.fromkeys(("last_name", "last_name_male", "last_name_female"), (("Surname",), "PERSON")),
    "email": (("EmailAddress",), "EMAIL_ADDRESS"),
    "phone_number": (("TelephoneNumber",), "PHONE_NUMBER"),
    "date_of_birth": (("Birthday",), "DATE_OF_BIRTH"),
    "city": (("City",), _NO_SPAN), "country": (("CountryFull",), _NO_SPAN), "organization": (("Company",), _NO_SPAN), "job": (("Occupation",), _NO_SPAN), "age": (("Age",), _NO_SPAN),
    "street_name": (("StreetAddress",), "ADDRESS"), "postcode": (("ZipCode",), _NO_SPAN), "zipcode": (("ZipCode",), _NO_SPAN), "state_abbr": (("State",), _NO_SPAN), "url": (("Domain",), _NO_SPAN),
    **dict.fromkeys(("prefix", "prefix_male", "prefix_female"), (("Title",), _NO_SPAN)),
}  # fmt: skip
_OURS = {"credit_card_number": "CREDIT_CARD", "iban": "IBAN_CODE", "ssn": "NATIONAL_ID", "ip_address": "IP_ADDRESS"}  # fmt: skip
_OTHERS: dict[str, Callable[[random.Random], str]] = {
    "secondary_address": lambda drawn: f"Apt. {drawn.randrange(1, 90)}",
    "year": lambda drawn: str(drawn.randrange(1950, 2024)),
    "date_time": lambda drawn: f"2021-0{drawn.randrange(1, 9)}-1{drawn.randrange(9)} 10:21",
    "day_of_week": lambda drawn: drawn.choice(["Monday", "Friday"]),
    "nationality": lambda drawn: drawn.choice(["Swedish", "Indian"]),
    "nation_woman": lambda drawn: drawn.choice(["Swede", "Irishwoman"]),
    "nation_plural": lambda drawn: drawn.choice(["Swedes", "Danes"]),
    "us_driver_license": lambda drawn: f"S{drawn.randrange(10**6, 10**7)}",
}  # fmt: skip
