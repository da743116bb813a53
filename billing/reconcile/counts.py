"""Tokens by how they are priced, so that both sides can be taken from each other."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from operator import add, sub

PARTS = ("fresh", "cached", "write_short", "write_long", "output")


@dataclass(frozen=True, slots=True)
class Counts:
    """Disjoint counts of tokens. `fresh` is input that was neither read from a cache nor written to one.

    `write_short` is what a cache keeps for less than an hour (or nobody says how long), `write_long` for longer.
    """

    fresh: int = 0
    cached: int = 0
    write_short: int = 0
    write_long: int = 0
    output: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(add, self.values, other.values))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*map(sub, self.values, other.values))

    def __neg__(self) -> Counts:
        return Counts(*(-one for one in self.values))

    def __bool__(self) -> bool:
        return any(self.values)

    @property
    def values(self) -> tuple[int, int, int, int, int]:
        return self.fresh, self.cached, self.write_short, self.write_long, self.output

    @property
    def input(self) -> int:
        return self.fresh + self.cached + self.write_short + self.write_long

    @property
    def total(self) -> int:
        return self.input + self.output

    @property
    def size(self) -> int:
        """How many tokens it speaks of, whatever their sign."""
        return sum(map(abs, self.values))

    @property
    def is_surplus(self) -> bool:
        """More of something and less of nothing."""
        return bool(self) and min(self.values) >= 0

    @property
    def is_shortfall(self) -> bool:
        return bool(self) and max(self.values) <= 0

    @property
    def is_another_split(self) -> bool:
        """The same input, told apart in another way."""
        return bool(self) and self.input == 0 and self.output == 0

    def as_json(self) -> dict[str, int]:
        return {name: value for name, value in zip(PARTS, self.values, strict=True) if value}

    @classmethod
    def read(cls, document: dict[str, int]) -> Counts:
        return cls(**{one.name: int(document.get(one.name, 0)) for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """What the price book asks: nano-units for a million tokens of each kind, and of batches where it says so."""

    fresh: int
    cached: int
    write_short: int
    write_long: int
    output: int
    version: str = ""
    batch: UnitPrices | None = None

    def of(self, name: str) -> int:
        value: int = getattr(self, name)
        return value

    def exactly(self, counts: Counts) -> Fraction:
        """Nano-units, not rounded."""
        total = sum(count * self.of(name) for name, count in zip(PARTS, counts.values, strict=True))
        return Fraction(total, 1_000_000)


ZERO = Counts()
