"""What a metric is: its name, its labels, how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[str, ...]
Value = float | list[float]  # a histogram's: how many in each bucket, those above the last bound, the sum
Series = dict[str, dict[Labels, Value]]  # by family and labels


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """`scale` is what a counted unit is in the unit of the name: nano-units of money are counted, whole ones told.

    `bounds` are a histogram's. A gauge of several processes is their sum, or their `largest`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    scale: float = 1
    largest: bool = False

    def merged(self, one: Value, other: Value) -> Value:
        if isinstance(one, list) and isinstance(other, list):
            return [a + b for a, b in zip(one, other, strict=True)]
        assert not isinstance(one, list)
        assert not isinstance(other, list)
        return max(one, other) if self.largest else one + other


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a gauge that is read when it is asked for."""

    family: Family
    value: float
    labels: Labels = ()
