"""Checksums and shapes that python-stdnum does not have. Each takes a value as it was found, separators and all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from stdnum import luhn
from stdnum.iso7064 import mod_97_10

_CARD_LENGTHS = {"3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19), "2": (16,)}
_CARD_STARTS = re.compile(
    r"4|5[0-9]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3(?:4|7|0[0-5]|[68]|5(?:2[89]|[3-8]))|6"
)
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23,
    "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip


def compact(value: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", value).upper()


def is_card(value: str) -> bool:
    digits = compact(value)
    lengths = _CARD_LENGTHS.get(digits[:1], ())
    if len(digits) not in lengths or _CARD_STARTS.match(digits) is None or len(set(digits)) < 2:
        return False
    return _grouped_evenly(value) and luhn.is_valid(digits)


def _grouped_evenly(value: str) -> bool:
    """Cards are written in one piece or in groups of at least four, but for the last."""
    groups = re.split(r"[ -]", value)
    return len(groups) == 1 or all(len(group) >= 4 for group in groups[:-1])


def iban_length(value: str) -> int:
    """How many characters of this are the number, by its country: words of four letters behind it look like its groups."""
    wanted = _IBAN_LENGTHS.get(value[:2].upper(), 0)
    for place, sign in enumerate(value):
        if wanted and sign.isalnum():
            wanted -= 1
            if not wanted:
                return place + 1
    return len(value)


def is_iban(value: str) -> bool:
    """By country, length and mod 97; a country's own checks are left out, since test accounts fail them."""
    number = compact(value)
    return len(number) == _IBAN_LENGTHS.get(number[:2]) and mod_97_10.is_valid(number[4:] + number[:4])


def weighted(weights: Sequence[int], accept: Callable[[int, str], bool]) -> Callable[[str], bool]:
    """Of the digits in front of the check character: their weighted sum, handed on with that character."""

    def check(value: str) -> bool:
        number = compact(value)
        body = number[: len(weights)]
        if not body.isdigit() or len(number) != len(weights) + 1:
            return False
        return accept(sum(w * int(d) for w, d in zip(weights, body, strict=True)), number[-1])

    return check


is_taj = weighted((3, 7, 3, 7, 3, 7, 3, 7), lambda total, last: str(total % 10) == last)


def is_snils(value: str) -> bool:
    digits = compact(value)
    if len(digits) != 11 or not digits.isdigit():
        return False
    total = sum(weight * int(digit) for weight, digit in zip(range(9, 0, -1), digits[:9], strict=True)) % 101
    return total % 100 == int(digits[9:])


def is_nino(value: str) -> bool:
    return compact(value)[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def is_german_pension_number(value: str) -> bool:
    number = compact(value)
    if len(number) != 12 or not 1 <= int(number[2:4]) % 50 <= 31 or not 1 <= int(number[4:6]) <= 12:
        return False
    letter = f"{ord(number[8]) - 64:02d}"
    digits = number[:8] + letter + number[9:11]
    products = (int(d) * w for d, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sum(product // 10 + product % 10 for product in products) % 10 == int(number[-1])


def is_singapore_nric(value: str) -> bool:
    number = value.upper()
    total = sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), number[1:8], strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}[number[0]]  # fmt: skip
    place = 10 - total % 11 if number[0] == "M" else total % 11
    return letters[place] == number[8]


def is_hong_kong_id(value: str) -> bool:
    number = compact(value)
    body = number[:-1].rjust(8)
    values = [36 if sign == " " else int(sign, 36) for sign in body]
    total = sum(w * v for w, v in zip(range(9, 1, -1), values, strict=True)) + int(number[-1], 36)
    return total % 11 == 0


def is_taiwan_id(value: str) -> bool:
    number = value.upper()
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0]) + 10
    digits = [first // 10, first % 10, *map(int, number[1:])]
    return sum(w * d for w, d in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), digits, strict=True)) % 10 == 0


def is_austrian_number(value: str) -> bool:
    """With a birthday in it, which python-stdnum does not ask for; months 13 to 15 stand in for too many born on a day."""
    digits = compact(value)
    return 1 <= int(digits[4:6]) <= 31 and 1 <= int(digits[6:8]) <= 15


def has_birthday(value: str) -> bool:
    """Whether the first six digits are a day, as DDMMYY or YYMMDD."""
    digits = re.sub(r"\D", "", value)[:6]
    pairs = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    return _is_day(pairs[0], pairs[1]) or _is_day(pairs[2], pairs[1])


def _is_day(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def is_plausible_birth(year: int, month: int, day: int) -> bool:
    try:
        found = date(year, month, day)
    except ValueError:
        return False
    return date(1900, 1, 1) <= found <= date(2030, 1, 1)
