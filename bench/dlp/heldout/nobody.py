"""What looks like something personal and is nobody's: orders, versions, hashes, placeholders."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from bench.dlp.heldout.keys import run
from bench.dlp.heldout.language import Language, shaped
from bench.dlp.heldout.numbers import digits, unchecked

_PATTERNS = {
    "batch": ("LOT-#####-@", "CH.-B. %#####", "@@#### ##"),
    "build": ("10.0.%####.%###", "%.%#.%##.%#", "2026.%.%#.0"),
    "ean": ("4######%#####", "871#####%####"),
    "invoice": ("INV-2026-#####", "RE%#####", "2026/%###", "F-%####-26"),
    "isbn": ("978-3-%##-#####-#", "978-0-%##-#####-#", "979-10-%##-####-#"),
    "order": ("%##-%######-%######", "ORD-%#######", "@@%#######", "%#########", "SO%####-%##"),
    "part": ("@@-%##/%#", "%###.%##.%##", "@%##-%####-@"),
    "reference": ("0%##-%###-%###", "%## ### ####", "00%# ### ###", "%#-##-##-##-##"),
    "ticket": ("INC00#####", "%#####", "OPS-%###", "SD-%####"),
    "tracking": ("JJD0003%###############", "1Z%##@@%##########", "00340434%###########", "RR%########DE"),
    "version": ("%.%#.%", "v%.#.#-rc%", "%#.%.#", "0.%#.%#", "%.#.#+build.%##"),
}
_PLACEHOLDERS = (
    "YOUR_API_KEY", "<your-token-here>", "${API_TOKEN}", "xxxxxxxxxxxxxxxx", "REPLACE_ME", "changeme", "sk-...", "********",
    "INSERT_KEY_HERE", "$(cat /run/secrets/token)", "<redacted>",
)  # fmt: skip
_RUNS = {"commit": "[h7]", "sha1": "[h40]", "md5": "[h32]", "sha256": "[h64]", "etag": "[h16]", "trace": "[h32]", "integrity": "sha512-[s86]=="}  # fmt: skip
_NOW = datetime(2026, 11, 1, tzinfo=UTC)


def nobodys(name: str, variant: str, language: Language, drawn: random.Random) -> str:
    """`digits`, `upper` and `number` (below) take their size as variant; the others take none."""
    if name in _PATTERNS:
        return shaped(drawn.choice(_PATTERNS[name]), drawn)
    if name in _RUNS:
        return run(_RUNS[name], drawn)
    return _MORE[name](variant, language, drawn)


def _moment(drawn: random.Random) -> datetime:
    return _NOW - timedelta(seconds=drawn.randrange(60_000_000))


def _sixteen(_variant: str, _language: Language, drawn: random.Random) -> str:
    number = unchecked(16, drawn)
    return drawn.choice((number, " ".join(number[at : at + 4] for at in range(0, 16, 4))))


def _date(_variant: str, language: Language, drawn: random.Random) -> str:
    return dated(_moment(drawn).date(), language.dates["short"], language)


def dated(day: date, pattern: str, language: Language) -> str:
    """Of one of the two last eras before the present one, where a pattern names the era."""
    era, first = ("平成", 1988) if day >= date(1989, 1, 8) else ("昭和", 1925)
    return pattern.format(
        d=day.day,
        m=day.month,
        y=day.year,
        month=language.months[day.month - 1],
        era=era,
        year_of_era=day.year - first,
    )


_MORE: dict[str, Callable[[str, Language, random.Random], str]] = {
    "amount": lambda _, __, drawn: f"{drawn.randrange(5, 4000)},{drawn.randrange(100):02}",
    "company": lambda _, language, drawn: drawn.choice(language.companies),
    "date": _date,
    "digits": lambda size, _, drawn: drawn.choice("123456789") + digits(int(size) - 1, drawn),
    "epoch": lambda _, __, drawn: str(int(_moment(drawn).timestamp())),
    "firm": lambda _, language, drawn: drawn.choice(language.firms),
    "iso": lambda _, __, drawn: f"{_moment(drawn):%Y-%m-%dT%H:%M:%SZ}",
    "number": lambda limit, _, drawn: str(drawn.randrange(2, int(limit))),
    "placeholder": lambda _, __, drawn: drawn.choice(_PLACEHOLDERS),
    "product": lambda _, language, drawn: drawn.choice(language.products),
    "sixteen": _sixteen,
    "time": lambda _, __, drawn: f"{_moment(drawn):%H:%M}",
    "upper": lambda size, _, drawn: shaped("@" * int(size), drawn),
    "uuid": lambda _, __, drawn: str(uuid.UUID(int=drawn.getrandbits(128), version=4)),
}
