"""Numbers of accounts and cards, with the check digits that real ones have."""

from __future__ import annotations

import random
from collections.abc import Callable

from stdnum import iban, luhn
from stdnum.es import ccc
from stdnum.it import codicefiscale

from bench.dlp.heldout.language import shaped

_DUTCH_BANKS = ("ABNA", "INGB", "RABO", "SNSB", "TRIO", "BUNQ", "KNAB", "ASNB")
_BRITISH_BANKS = ("BARC", "NWBK", "LOYD", "HBUK", "MIDL", "MONZ")
_IRISH_BANKS = ("AIBK", "BOFI", "REVO")
_DOMESTIC: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "ES": (" ", ((4, 8), (8, 12), (12, 14), (14, 24))),
    "FR": (" ", ((4, 9), (9, 14), (14, 25), (25, 27))),
    "NL": (".", ((9, 11), (11, 13), (13, 15), (15, 18))),
    "PL": (" ", ((2, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 24), (24, 28))),
    "PT": (" ", ((4, 8), (8, 12), (12, 23), (23, 25))),
}
"""What stands between the parts, and where in the IBAN they are."""
_CARDS = (("4", 16), ("51", 16), ("53", 16), ("55", 16), ("2221", 16), ("37", 15), ("34", 15), ("6011", 16))


def account(country: str, drawn: random.Random) -> str:
    """An IBAN, without spaces."""
    bban = _BBANS[country](drawn)
    return f"{country}{iban.calc_check_digits(f'{country}00{bban}')}{bban}"


def domestic(country: str, drawn: random.Random) -> str:
    """The number of an account as its own country wrote it before there were IBANs, or still does."""
    number = account(country, drawn)
    separator, parts = _DOMESTIC[country]
    return separator.join(number[start:end] for start, end in parts)


def card(drawn: random.Random) -> str:
    """The digits alone."""
    prefix, length = drawn.choice(_CARDS)
    body = prefix + digits(length - 1 - len(prefix), drawn)
    return body + luhn.calc_check_digit(body)


def grouped(number: str, separator: str) -> str:
    """Cards and IBANs as people write them: by four, and American Express by four, six and five."""
    if len(number) == 15 and number.isdigit():
        return separator.join((number[:4], number[4:10], number[10:]))
    return separator.join(number[at : at + 4] for at in range(0, len(number), 4))


def digits(count: int, drawn: random.Random) -> str:
    return "".join(drawn.choice("0123456789") for _ in range(count))


def unchecked(length: int, drawn: random.Random) -> str:
    """As long as a card's number, and none: its last digit is not Luhn's."""
    body = drawn.choice("123456789") + digits(length - 2, drawn)
    return body + str((int(luhn.calc_check_digit(body)) + drawn.randrange(1, 10)) % 10)


def _french(drawn: random.Random) -> str:
    bank, counter, number = f"{drawn.choice('1234')}{digits(4, drawn)}", digits(5, drawn), digits(11, drawn)
    key = 97 - (89 * int(bank) + 15 * int(counter) + 3 * int(number)) % 97
    return f"{bank}{counter}{number}{key:02}"


def _spanish(drawn: random.Random) -> str:
    bank, number = (
        drawn.choice(("0049", "2100", "0182", "0081", "2085", "0128")) + digits(4, drawn),
        digits(10, drawn),
    )
    return f"{bank}{ccc.calc_check_digits(f'{bank}00{number}')}{number}"


def _italian(drawn: random.Random) -> str:
    body = f"0{digits(4, drawn)}0{digits(4, drawn)}000{digits(9, drawn)}"
    return codicefiscale.calc_check_digit(body) + body


def _dutch(drawn: random.Random) -> str:
    while True:
        number = "0" + digits(9, drawn)
        if sum((10 - at) * int(one) for at, one in enumerate(number)) % 11 == 0:
            return drawn.choice(_DUTCH_BANKS) + number


def _portuguese(drawn: random.Random) -> str:
    body = drawn.choice(("0035", "0033", "0007", "0010", "0018")) + digits(15, drawn)
    return f"{body}{98 - int(body) * 100 % 97:02}"


def _belgian(drawn: random.Random) -> str:
    body = drawn.choice(("001", "063", "310", "363", "734", "979")) + digits(7, drawn)
    return f"{body}{int(body) % 97 or 97:02}"


def _like(*patterns: str) -> Callable[[random.Random], str]:
    return lambda drawn: shaped(drawn.choice(patterns), drawn)


_BBANS: dict[str, Callable[[random.Random], str]] = {
    "AT": _like("%####%##########"),
    "BE": _belgian,
    "CH": _like("00%##00#########%", "0%###00########%#"),
    "DE": _like("%#######%#########", "%#######00########"),
    "ES": _spanish,
    "FI": _like("%#############"),
    "FR": _french,
    "GB": _like(*(f"{bank}%#############" for bank in _BRITISH_BANKS)),
    "IE": _like(*(f"{bank}9%############" for bank in _IRISH_BANKS)),
    "IT": _italian,
    "NL": _dutch,
    "PL": _like("1%######0000%###########", "%#######%###############"),
    "PT": _portuguese,
    "SE": _like("%###00000###########", "50000000%###########"),
}
