"""Made-up people's data, as each language writes it. Every check digit is right; no person is meant."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module

from bench.dlp.people import COUNTRIES, MONTHS, PEOPLE, Country

_CARDS = ("4###############", "51##############", "55##############", "2221############", "34#############", "6011############")  # fmt: skip
_BBAN = {"DE": "##################", "FR": "#####################@@", "ES": "####################", "IT": "@######################", "NL": "@@@@##########", "PL": "########################", "SE": "####################", "GB": "@@@@##############", "PT": "#####################"}  # fmt: skip
_KEYS: tuple[tuple[str, str, int], ...] = (
    ("ghp_", string.ascii_letters + string.digits, 36), ("sk-proj-", string.ascii_letters + string.digits, 48), ("xoxb-", string.digits + string.ascii_letters, 40),
    ("glpat-", string.ascii_letters + string.digits, 20), ("AIza", string.ascii_letters + string.digits, 35), ("SG.", string.ascii_letters + string.digits, 0), ("hf_", string.ascii_letters, 34),
    ("npm_", string.ascii_letters + string.digits, 36), ("dop_v1_", "0123456789abcdef", 64), ("", string.ascii_letters + string.digits, 32),
)  # fmt: skip


class Values:
    def __init__(self, language: str, drawn: random.Random) -> None:
        self.drawn = drawn
        self.country: Country = COUNTRIES[language]
        self.given, self.family = PEOPLE[language]
        self.language = language

    def value(self, kind: str, variant: str) -> tuple[str, int]:
        """A value, and how many of its first characters are no part of the gold span."""
        if kind == "PERSON":
            return self._person(variant)
        if kind == "DATE_OF_BIRTH":
            return self._birth(variant), 0
        if kind == "SECRET":
            return self._secret(variant), 0
        return getattr(self, f"_{kind.lower()}")(), 0

    def _person(self, variant: str) -> tuple[str, int]:
        given, family = self.drawn.choice(self.given), self.drawn.choice(self.family)
        if self.language == "ja":
            return family + self.drawn.choice(["", " "]) + given, 0
        if variant == "given":
            return given, 0
        if variant == "titled":
            title = self.drawn.choice(self.country.titles)
            return f"{title} {family}", len(title) + 1
        return f"{given} {family}", 0

    def _email_address(self) -> str:
        name = f"{_ascii(self.drawn.choice(PEOPLE['en'][0]))}{self.drawn.choice(['.', '_', ''])}{_ascii(self.drawn.choice(PEOPLE['en'][1]))}"
        return f"{name}{self.drawn.choice(['', str(self.drawn.randrange(99))])}@{self.drawn.choice(['example.org', 'mail.example.com', 'post.example.net', 'firma.example.de'])}".lower()

    def _phone_number(self) -> str:
        return self._masked(self.drawn.choice(self.country.phones))

    def _iban_code(self) -> str:
        code = self.drawn.choice(list(_BBAN))
        bban = self._masked(_BBAN[code])
        number = "".join(str(int(sign, 36)) for sign in f"{bban}{code}00")
        iban = f"{code}{98 - int(number) % 97:02d}{bban}"
        return (
            iban
            if self.drawn.random() < 0.4
            else " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
        )

    def _credit_card(self) -> str:
        number = self._until("luhn", self.drawn.choice(_CARDS))
        if len(number) == 15:
            return self.drawn.choice([number, f"{number[:4]} {number[4:10]} {number[10:]}"])
        joined = self.drawn.choice(["", " ", "-"])
        return joined.join(number[at : at + 4] for at in range(0, 16, 4))

    def _national_id(self) -> str:
        module, mask = self.drawn.choice(self.country.ids)
        return self._until(module, mask)

    def _passport(self) -> str:
        return self._masked(self.drawn.choice(self.country.passports))

    def _bank_account(self) -> str:
        return self._masked(self.drawn.choice(["########", "##########", "############", "### ### ###"]))

    def _medical_record(self) -> str:
        return self._masked(
            self.drawn.choice(["########", "MR-######", "#######", "P######", "####/##", "AB-#######"])
        )

    def _ip_address(self) -> str:
        if self.drawn.random() < 0.25:
            return "2001:db8:" + ":".join(f"{self.drawn.randrange(1, 65536):x}" for _ in range(6))
        return ".".join(str(self.drawn.randrange(21, end)) for end in (120, 250, 250, 250))

    def _mac_address(self) -> str:
        return self.drawn.choice([":", "-"]).join(f"{self.drawn.randrange(256):02x}" for _ in range(6))

    def _address(self) -> str:
        return self._masked(self.drawn.choice(self.country.addresses))

    def _url_credentials(self) -> str:
        return f"{self.drawn.choice(['app', 'admin', 'deploy', 'shop_user'])}:{self._secret('plainword')}"

    def _birth(self, variant: str) -> str:
        born = date(1935, 1, 1) + timedelta(days=self.drawn.randrange(27_000))
        if variant == "iso":
            return born.isoformat()
        made = self.drawn.choice(self.country.dates)
        if "{month}" in made:
            return made.format(d=born, month=MONTHS[self.language][born.month - 1])
        return made.format(d=born)

    def _secret(self, variant: str) -> str:
        letters = string.ascii_letters + string.digits
        if variant in ("password", "plainword"):
            word = self.drawn.choice(["Sommer", "Tiger", "qwe", "Rain", "Kiwi", "Blue"])
            odd = self.drawn.choice(["!", "#", "$", "_"] if variant == "password" else ["_", "-", "!"])
            return f"{word}{odd}{self.drawn.randrange(100, 9999)}{''.join(self.drawn.choices(letters, k=3))}"
        if variant == "aws":
            return "AKIA" + "".join(self.drawn.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
        if variant == "random":
            return "".join(self.drawn.choices(letters + "-_", k=40)) + "7"
        if variant == "jwt":
            parts = [
                {"alg": "HS256", "typ": "JWT"},
                {"sub": str(self.drawn.randrange(10**8)), "exp": 1900000000},
            ]
            joined = ".".join(_url64(json.dumps(part).encode()) for part in parts)
            return f"{joined}.{_url64(self.drawn.randbytes(32))}"
        if variant == "pem":
            body = base64.encodebytes(self.drawn.randbytes(300)).decode().strip()
            return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
        prefix, signs, length = self.drawn.choice(_KEYS)
        if prefix == "SG.":
            return f"SG.{''.join(self.drawn.choices(signs, k=22))}.{''.join(self.drawn.choices(signs, k=43))}"
        return prefix + "".join(self.drawn.choices(signs, k=length))

    def _masked(self, mask: str) -> str:
        """`#` becomes a digit, `%` one that is not 0, `@` a letter; `{ymd}`, `{dmy}`, `{Ymd}` a day; `{name}`, `{town}` words."""
        born = date(1940, 1, 1) + timedelta(days=self.drawn.randrange(21_500))
        street, town = self.drawn.choice(self.country.streets), self.drawn.choice(self.country.towns)
        made = []
        for sign in mask:
            if sign == "#":
                made.append(self.drawn.choice(string.digits))
            elif sign == "@":
                made.append(self.drawn.choice("BCDFGHJKLMNPRSTVWZ"))
            elif sign == "%":
                made.append(self.drawn.choice("123456789"))
            else:
                made.append(sign)
        text = "".join(made)
        for name, value in {"{ymd}": f"{born:%y%m%d}", "{dmy}": f"{born:%d%m%y}", "{Ymd}": f"{born:%Y%m%d}", "{street}": street, "{town}": town}.items():  # fmt: skip
            text = text.replace(name, value)
        return text

    def _until(self, check: str, mask: str) -> str:
        valid: Callable[[str], bool] = import_module(f"stdnum.{check}").is_valid
        for _ in range(100_000):
            made = self._masked(mask)
            if valid(made) and len(set(made)) > 3:
                return made
        raise ValueError(f"nothing of the form {mask} is a {check}")


def _ascii(name: str) -> str:
    return "".join(sign for sign in name if sign.isascii() and sign.isalpha()) or "anna"


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
