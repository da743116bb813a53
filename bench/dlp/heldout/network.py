"""Addresses on networks, and addresses that carry a password."""

from __future__ import annotations

import ipaddress
import random

from bench.dlp.heldout.keys import run

_ORDINARY = (5, 31, 46, 62, 77, 79, 81, 84, 87, 91, 93, 95, 109, 151, 176, 178, 188, 194, 212, 217)
_PREFIXES = (0x2A02, 0x2A01, 0x2003, 0x2A00, 0x2600, 0x2400)
_MAKERS = ("3c:22:fb", "a4:83:e7", "f0:18:98", "00:1b:63", "dc:a6:32", "b8:27:eb", "9c:b6:d0", "48:2c:a0")
_USERS = ("app", "reporting", "svc_import", "deploy", "etl", "backup", "webshop", "readwrite")
_CREDENTIALS = (
    "postgres://{user}:{word}@{host}:5432/{base}",
    "postgresql+psycopg://{user}:{word}@{host}/{base}?sslmode=require",
    "mysql://{user}:{word}@{host}:3306/{base}",
    "mongodb+srv://{user}:{word}@{host}/{base}?retryWrites=true",
    "redis://:{word}@{host}:6379/0",
    "amqp://{user}:{word}@{host}:5672/{base}",
    "https://{user}:{word}@{host}/{base}.git",
    "ftp://{user}:{word}@{host}/export/",
)


def ip(variant: str, drawn: random.Random) -> str:
    """`four`, `six`, or four in three of four times."""
    if variant == "six" or (variant != "four" and drawn.random() < 0.25):
        return _six(drawn)
    if drawn.random() < 0.15:
        return f"{drawn.choice(('10.20', '192.168'))}.{drawn.randrange(256)}.{drawn.randrange(1, 255)}"
    return (
        f"{drawn.choice(_ORDINARY)}.{drawn.randrange(256)}.{drawn.randrange(256)}.{drawn.randrange(1, 255)}"
    )


def mac(variant: str, drawn: random.Random) -> str:
    """`colon`, `dash` or `dot`; any for an empty variant."""
    digits = drawn.choice(_MAKERS).replace(":", "") + run("[h6]", drawn)
    match variant or drawn.choice(("colon", "colon", "dash", "dot")):
        case "dash":
            return "-".join(_cut(digits.upper(), 2))
        case "dot":
            return ".".join(_cut(digits, 4))
        case _:
            return ":".join(_cut(drawn.choice((digits, digits.upper())), 2))


def with_credentials(firms: tuple[str, ...], drawn: random.Random) -> str:
    host = f"{drawn.choice(('db', 'db-02', 'cache', 'files', 'mq1', 'git'))}.{drawn.choice(firms)}"
    word = run(drawn.choice(("[w16]", "[w12]", "[b20]", "[l10]")), drawn)
    base = drawn.choice(("orders", "crm", "billing", "stock", "portal"))
    return drawn.choice(_CREDENTIALS).format(user=drawn.choice(_USERS), word=word, host=host, base=base)


def _six(drawn: random.Random) -> str:
    parts = [drawn.choice(_PREFIXES), *(drawn.randrange(0x10000) for _ in range(7))]
    if drawn.random() < 0.5:
        parts[3:6] = [0, 0, 0]
    return str(ipaddress.IPv6Address(b"".join(one.to_bytes(2, "big") for one in parts)))


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
