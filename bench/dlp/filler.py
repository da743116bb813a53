"""Values that are nobody's: numbers of orders, digests, times, versions."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def filler(name: str, drawn: random.Random) -> str:
    return _MADE[name](drawn)


def _order(drawn: random.Random) -> str:
    return drawn.choice([f"#{drawn.randrange(10_000, 99_999)}", f"ORD-{drawn.randrange(10**6, 10**7)}", f"{drawn.randrange(10**7, 10**8)}"])  # fmt: skip


def _day(drawn: random.Random) -> datetime:
    return datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=drawn.randrange(80_000_000))


def _base64(drawn: random.Random) -> str:
    return base64.b64encode(drawn.randbytes(drawn.randrange(60, 200))).decode()


_MADE: dict[str, Callable[[random.Random], str]] = {
    "order": _order,
    "amount": lambda drawn: f"{drawn.randrange(1, 90_000)}.{drawn.randrange(100):02d}",
    "date": lambda drawn: drawn.choice([f"{_day(drawn):%Y-%m-%d}", f"{_day(drawn):%d.%m.%Y}", f"{_day(drawn):%d/%m/%Y}"]),
    "timestamp": lambda drawn: f"{_day(drawn):%Y-%m-%dT%H:%M:%S}.{drawn.randrange(1000):03d}Z",
    "epoch": lambda drawn: str(drawn.randrange(1_600_000_000, 1_800_000_000)),
    "uuid": lambda drawn: str(uuid.UUID(int=drawn.getrandbits(128), version=4)),
    "sha": lambda drawn: f"{drawn.getrandbits(160):040x}",
    "version": lambda drawn: ".".join(str(drawn.randrange(20)) for _ in range(drawn.choice([2, 3, 4]))),
    "base64": _base64,
    "word": lambda drawn: "".join(drawn.choices(string.ascii_lowercase, k=7)),
}  # fmt: skip
