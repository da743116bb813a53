"""Templates filled in: what stands in a slot in capitals is gold."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from bench.dlp.documents import Document, Gold
from bench.dlp.heldout import keys, network, numbers
from bench.dlp.heldout.cast import Person, cast, mailbox
from bench.dlp.heldout.identities import identity
from bench.dlp.heldout.language import Language, Template, shaped
from bench.dlp.heldout.nobody import dated, nobodys

_SLOT = re.compile(r"\{\{(\w+)(?::([a-z_]*)(\d*))?\}\}")


def filled(template: Template, language: Language, drawn: random.Random) -> Document:
    """Slots are `{{KIND}}` or `{{KIND:variant2}}`, the number that of the person meant (1 to 4, 1 if none is given).

    A slot in small letters is nobody's and leaves no gold span; its number is a size.
    """
    slots = _Slots(language, drawn)
    parts: list[str] = []
    spans: list[Gold] = []
    length = place = 0
    for slot in _SLOT.finditer(template.text):
        before, name = template.text[place : slot.start()], slot[1]
        if name.islower():
            value = nobodys(name, slot[3] or "", language, drawn)
        else:
            value = slots.value(name, slot[2] or "", int(slot[3] or 1))
            start, end = _gold(name, value)
            spans.append(Gold(length + len(before) + start, length + len(before) + end, name))
        parts += before, value
        length += len(before) + len(value)
        place = slot.end()
    return Document("".join([*parts, template.text[place:]]), tuple(spans), language.code, template.form)


def _gold(name: str, value: str) -> tuple[int, int]:
    """The part of a value that is gold. Of an address with a password it is both names, as in the other sets."""
    if name == "URL_CREDENTIALS":
        return value.index("://") + 3, value.rindex("@")
    return 0, len(value)


class _Slots:
    """Values for one document."""

    def __init__(self, language: Language, drawn: random.Random) -> None:
        self._language = language
        self._drawn = drawn
        self._cast = cast(language, drawn)
        self._makers: dict[str, Callable[[str, Person], str]] = {
            "ADDRESS": self._address,
            "BANK_ACCOUNT": lambda variant, _: self._account(variant),
            "CREDIT_CARD": self._card,
            "DATE_OF_BIRTH": self._born,
            "EMAIL_ADDRESS": lambda _, person: mailbox(person, language, drawn),
            "IBAN_CODE": self._iban,
            "IP_ADDRESS": lambda variant, _: network.ip(variant, drawn),
            "MAC_ADDRESS": lambda variant, _: network.mac(variant, drawn),
            "MEDICAL_RECORD": lambda variant, _: self._pattern(language.records, variant),
            "NATIONAL_ID": lambda variant, person: identity(variant, person, drawn),
            "PASSPORT": lambda variant, _: self._pattern(language.passports, variant),
            "PERSON": self._person,
            "PHONE_NUMBER": lambda variant, _: self._phone(variant),
            "SECRET": lambda variant, _: keys.secret(variant, language.words, drawn),
            "URL_CREDENTIALS": lambda _, __: network.with_credentials(language.firms, drawn),
        }

    def value(self, kind: str, variant: str, number: int) -> str:
        return self._makers[kind](variant, self._cast[number - 1])

    def _person(self, variant: str, person: Person) -> str:
        match variant:
            case "given":
                return person.given
            case "family":
                return person.family
            case "filed":
                return f"{person.family}, {person.given}"
            case "initial":
                return f"{person.given[0]}. {person.family}"
            case _:
                order = self._drawn.choice(self._language.orders)
                return order.format(given=person.given, family=person.family)

    def _address(self, variant: str, _person: Person) -> str:
        """On one line, unless a `block` is asked for."""
        place = self._drawn.choice(self._language.places)
        return self._drawn.choice(place.lines).format(
            street=self._drawn.choice(place.streets),
            house=shaped(self._drawn.choice(place.houses), self._drawn),
            town=shaped(self._drawn.choice(place.towns), self._drawn),
            br="\n" if variant == "block" else ", ",
        )

    def _born(self, variant: str, person: Person) -> str:
        dates = self._language.dates
        pattern = (
            "{y}-{m:02}-{d:02}" if variant == "iso" else dates[variant or self._drawn.choice(sorted(dates))]
        )
        return dated(person.born, pattern, self._language)

    def _iban(self, variant: str, _person: Person) -> str:
        number = numbers.account(self._drawn.choice(self._language.ibans), self._drawn)
        return number if variant == "plain" or self._drawn.random() < 0.3 else numbers.grouped(number, " ")

    def _card(self, variant: str, _person: Person) -> str:
        separator = "" if variant == "plain" else self._drawn.choice((" ", " ", "-", ""))
        return numbers.grouped(numbers.card(self._drawn), separator)

    def _phone(self, variant: str) -> str:
        """`intl`: one that begins with a plus."""
        phones = self._language.phones
        known = [one for one in phones if one.startswith("+")] if variant == "intl" else phones
        return shaped(self._drawn.choice(known), self._drawn)

    def _account(self, variant: str) -> str:
        pattern = self._chosen(self._language.accounts, variant)
        return numbers.domestic(pattern, self._drawn) if pattern.isalpha() else shaped(pattern, self._drawn)

    def _pattern(self, patterns: tuple[str, ...], variant: str) -> str:
        return shaped(self._chosen(patterns, variant), self._drawn)

    def _chosen(self, patterns: tuple[str, ...], variant: str) -> str:
        """Variants are the letters `a`, `b`...: the first pattern, the second; none is any."""
        return patterns["abcdefgh".index(variant)] if variant else self._drawn.choice(patterns)
