"""What the pretend provider counted, call by call, and what it asks: the file that it serves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

PARTS = ("fresh", "cached", "write_5m", "write_1h", "output")


@dataclass(frozen=True, slots=True)
class Counted:
    """One call as the provider counted it, at `at` (seconds since 1970). `name`: what its answer was called."""

    at: int
    model: str
    fresh: int
    cached: int
    write_5m: int
    write_1h: int
    output: int
    key: str | None
    scope: str | None
    batch: bool = False
    name: str = ""

    def of(self, part: str) -> int:
        value: int = getattr(self, part)
        return value

    @property
    def day(self) -> int:
        return self.at // 86_400 * 86_400


@dataclass
class Scenario:
    """`prices`: billionths of a dollar for a million tokens, by model and part; `repriced` by day, model and part."""

    secret: str
    calls: list[Counted] = field(default_factory=list)
    prices: dict[str, dict[str, int]] = field(default_factory=dict)
    repriced: dict[str, int] = field(default_factory=dict)  # "DAY/MODEL/PART"
    now: int = 0
    call_secret: str = ""  # with which calls were made

    @cached_property
    def by_name(self) -> dict[str, Counted]:
        return {call.name: call for call in self.calls if call.name}

    def price(self, day: int, model: str, part: str) -> int:
        name = f"{datetime.fromtimestamp(day, UTC):%Y-%m-%d}/{model}/{part}"
        return self.repriced.get(name, self.prices[model][part])

    def cost(self, calls: Iterable[Counted], day: int, model: str, part: str) -> tuple[Decimal, int]:
        """Dollars, and for how many tokens. Those of batches cost half."""
        some = list(calls)
        halves = sum(call.of(part) * (1 if call.batch else 2) for call in some)
        return Decimal(halves) * self.price(day, model, part) / (2 * 10**15), sum(
            call.of(part) for call in some
        )

    def between(self, since: int, until: int) -> Iterator[Counted]:
        return (call for call in self.calls if since <= call.at < until)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Scenario:
        found = json.loads(path.read_text())
        return cls(**{**found, "calls": [Counted(**one) for one in found["calls"]]})
