"""National ids, with the check digits that real ones have. Each is written as its people write it."""

from __future__ import annotations

import random
from collections.abc import Callable

from stdnum import ean, luhn
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.iso7064 import mod_11_10
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import cc, nif

from bench.dlp.heldout.cast import Person, plain
from bench.dlp.heldout.language import shaped
from bench.dlp.heldout.numbers import digits

_ITALIAN_TOWNS = ("H501", "F205", "L219", "F839", "A944", "D612", "G273", "D969")
_CARD_LETTERS = "0123456789CFGHJKLMNPRTVWXYZ"


def identity(name: str, person: Person, drawn: random.Random) -> str:
    return _IDENTITIES[name](person, drawn)


def _us_ssn(_: Person, drawn: random.Random) -> str:
    area = drawn.choice([one for one in range(1, 900) if one != 666])
    return f"{area:03}-{drawn.randrange(1, 100):02}-{drawn.randrange(1, 10000):04}"


def _uk_nino(_: Person, drawn: random.Random) -> str:
    prefix = drawn.choice(
        ("AB", "CE", "HN", "JG", "JX", "KR", "LM", "NX", "PW", "RA", "SK", "TY", "WE", "YZ")
    )
    pattern = drawn.choice((f"{prefix} ## ## ## ", f"{prefix}######"))
    return shaped(pattern, drawn) + drawn.choice("ABCD")


def _ca_sin(_: Person, drawn: random.Random) -> str:
    body = drawn.choice("124567") + digits(7, drawn)
    return _parted(body + luhn.calc_check_digit(body), (3, 3, 3), drawn.choice(" -"))


def _de_idnr(_: Person, drawn: random.Random) -> str:
    distinct = drawn.sample("0123456789", 9)
    body = [*distinct, drawn.choice(distinct)]
    drawn.shuffle(body)
    while body[0] == "0":
        drawn.shuffle(body)
    number = "".join(body)
    number += mod_11_10.calc_check_digit(number)
    return _parted(number, (2, 3, 3, 3), drawn.choice((" ", " ", "")))


def _de_svnr(person: Person, drawn: random.Random) -> str:
    letter = plain(person.latin_family)[0].upper()
    lowest = 50 if person.woman else 0
    area, serial = (
        drawn.choice(("12", "15", "23", "38", "53", "65")),
        f"{drawn.randrange(lowest, lowest + 50):02}",
    )
    born = f"{person.born:%d%m%y}"
    counted = f"{area}{born}{ord(letter) - 64:02}{serial}"
    products = [
        int(one) * weight for one, weight in zip(counted, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    ]
    check = sum(one // 10 + one % 10 for one in products) % 10
    return drawn.choice(("{} {} {} {}{}", "{}{}{}{}{}")).format(area, born, letter, serial, check)


def _de_card(_: Person, drawn: random.Random) -> str:
    body = "L" + "".join(drawn.choice(_CARD_LETTERS) for _ in range(8))
    return body + str(_weighed(body, (7, 3, 1)) % 10)


def _ch_ahv(_: Person, drawn: random.Random) -> str:
    body = "756" + digits(9, drawn)
    return _parted(body + ean.calc_check_digit(body), (3, 4, 4, 2), ".")


def _fr_nir(person: Person, drawn: random.Random) -> str:
    department = drawn.choice([one for one in range(1, 96) if one != 20])
    sex = 2 if person.woman else 1
    body = f"{sex}{person.born:%y%m}{department:02}{drawn.randrange(1, 600):03}{drawn.randrange(1, 999):03}"
    return _parted(body + nir.calc_check_digits(body), (1, 2, 2, 2, 3, 3, 2), drawn.choice((" ", " ", "")))


def _be_nn(person: Person, drawn: random.Random) -> str:
    serial = drawn.randrange(2 if person.woman else 1, 998, 2)
    body = f"{person.born:%y%m%d}{serial:03}"
    check = 97 - int(("2" if person.born.year >= 2000 else "") + body) % 97
    return f"{person.born:%y.%m.%d}-{serial:03}.{check:02}"


def _es_dni(_: Person, drawn: random.Random) -> str:
    number = shaped("%#######", drawn)
    letter = dni.calc_check_digit(number)
    return drawn.choice(
        (f"{number}{letter}", f"{number}-{letter}", f"{int(number):,}-{letter}".replace(",", "."))
    )


def _es_nie(_: Person, drawn: random.Random) -> str:
    number = drawn.choice("XYZ") + digits(7, drawn)
    letter = nie.calc_check_digit(number)
    return drawn.choice((f"{number}{letter}", f"{number[0]}-{number[1:]}-{letter}"))


def _es_nuss(_: Person, drawn: random.Random) -> str:
    province, number = f"{drawn.randrange(1, 51):02}", shaped("%#######", drawn)
    return _parted(
        f"{province}{number}{int(province + number) % 97:02}", (2, 8, 2), drawn.choice((" ", "/", ""))
    )


def _it_cf(person: Person, drawn: random.Random) -> str:
    month = "ABCDEHLMPRST"[person.born.month - 1]
    day = person.born.day + (40 if person.woman else 0)
    names = _three(plain(person.latin_family), 3) + _three(plain(person.latin_given), 4)
    body = f"{names}{person.born:%y}{month}{day:02}{drawn.choice(_ITALIAN_TOWNS)}"
    return body + codicefiscale.calc_check_digit(body)


def _three(name: str, skip_from: int) -> str:
    """Three letters of a name: consonants first; with `skip_from` of them or more in a given name, not the second."""
    letters = [one for one in name.upper() if one.isalpha()]
    consonants = [one for one in letters if one not in "AEIOU"]
    if skip_from == 4 and len(consonants) >= 4:
        del consonants[1]
    vowels = [one for one in letters if one in "AEIOU"]
    return "".join([*consonants, *vowels, "X", "X"][:3])


def _nl_bsn(_: Person, drawn: random.Random) -> str:
    while True:
        number = shaped("%########", drawn)
        if bsn.checksum(number) == 0:
            return _parted(number, (4, 2, 3), drawn.choice(("", "", ".", " ")))


def _pl_pesel(person: Person, drawn: random.Random) -> str:
    month = person.born.month + (20 if person.born.year >= 2000 else 0)
    sex = drawn.choice("02468" if person.woman else "13579")
    body = f"{person.born:%y}{month:02}{person.born:%d}{digits(3, drawn)}{sex}"
    return body + pesel.calc_check_digit(body)


def _pl_card(_: Person, drawn: random.Random) -> str:
    letters, rest = shaped(drawn.choice(("A@@", "C@@", "D@@")), drawn), digits(5, drawn)
    check = next(
        one for one in "0123456789" if _weighed(letters + one + rest, (7, 3, 1, 9, 7, 3, 1, 7, 3)) % 10 == 0
    )
    return f"{letters}{drawn.choice((' ', ''))}{check}{rest}"


def _pt_nif(_: Person, drawn: random.Random) -> str:
    body = drawn.choice("12") + digits(7, drawn)
    return _parted(body + nif.calc_check_digit(body), (3, 3, 3), drawn.choice((" ", "")))


def _pt_card(_: Person, drawn: random.Random) -> str:
    number = "1" + digits(7, drawn)
    rest = sum((9 - at) * int(one) for at, one in enumerate(number)) % 11
    body = f"{number}{(11 - rest) % 11 % 10}Z{drawn.choice('XYZ')}"
    return _parted(body + cc.calc_check_digit(body), (8, 1, 3), " ")


def _br_cpf(_: Person, drawn: random.Random) -> str:
    number = digits(9, drawn)
    for _round in range(2):
        total = sum((len(number) + 1 - at) * int(one) for at, one in enumerate(number))
        number += str((11 - total % 11) % 11 % 10)
    return f"{_parted(number[:9], (3, 3, 3), '.')}-{number[9:]}"


def _se_personnummer(person: Person, drawn: random.Random) -> str:
    serial = digits(2, drawn) + drawn.choice("02468" if person.woman else "13579")
    check = luhn.calc_check_digit(f"{person.born:%y%m%d}{serial}")
    return f"{person.born:{drawn.choice(('%y%m%d', '%Y%m%d'))}}-{serial}{check}"


def _fi_hetu(person: Person, drawn: random.Random) -> str:
    serial = drawn.randrange(2 if person.woman else 3, 900, 2)
    sign = "A" if person.born.year >= 2000 else "-"
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(f"{person.born:%d%m%y}{serial:03}") % 31]
    return f"{person.born:%d%m%y}{sign}{serial:03}{check}"


def _jp_number(_: Person, drawn: random.Random) -> str:
    body = digits(11, drawn)
    total = sum(int(one) * (at + 1 if at <= 6 else at - 5) for at, one in enumerate(reversed(body), start=1))
    check = 0 if total % 11 <= 1 else 11 - total % 11
    return _parted(f"{body}{check}", (4, 4, 4), drawn.choice((" ", "-", "")))


def _parted(number: str, lengths: tuple[int, ...], separator: str) -> str:
    parts, place = [], 0
    for length in lengths:
        parts.append(number[place : place + length])
        place += length
    return separator.join(parts)


def _weighed(text: str, weights: tuple[int, ...]) -> int:
    """The sum of digits (and letters, A for ten) times the weights, which begin anew at their end."""
    return sum(int(one, 36) * weights[at % len(weights)] for at, one in enumerate(text))


_IDENTITIES: dict[str, Callable[[Person, random.Random], str]] = {
    "be_nn": _be_nn,
    "br_cpf": _br_cpf,
    "ca_sin": _ca_sin,
    "ch_ahv": _ch_ahv,
    "de_card": _de_card,
    "de_idnr": _de_idnr,
    "de_svnr": _de_svnr,
    "es_dni": _es_dni,
    "es_nie": _es_nie,
    "es_nuss": _es_nuss,
    "fi_hetu": _fi_hetu,
    "fr_nir": _fr_nir,
    "it_cf": _it_cf,
    "jp_number": _jp_number,
    "nl_bsn": _nl_bsn,
    "pl_card": _pl_card,
    "pl_pesel": _pl_pesel,
    "pt_card": _pt_card,
    "pt_nif": _pt_nif,
    "se_personnummer": _se_personnummer,
    "uk_nino": _uk_nino,
    "us_ssn": _us_ssn,
}
