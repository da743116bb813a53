"""What one process counts. Adding to it is a look-up in a dictionary: it stands in the way of every call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from orbit.lib.metrics.family import Family, Kind, Labels, Series, Value


class Book:
    """Used by one thread. Labels are bounded by whoever adds: see `names`."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self.families = {one.name: one for one in families}
        self.series: dict[str, dict[Labels, Any]] = {one.name: {} for one in families}

    def add(self, family: Family, labels: Labels, amount: float = 1) -> None:
        found = self.series[family.name]
        found[labels] = found.get(labels, 0) + amount

    def observe(self, family: Family, labels: Labels, value: float) -> None:
        found = self.series[family.name]
        counts = found.get(labels)
        if counts is None:
            counts = found[labels] = [0] * (len(family.bounds) + 2)
        counts[bisect_left(family.bounds, value)] += 1
        counts[-1] += value

    def set(self, family: Family, labels: Labels, value: float) -> None:
        self.series[family.name][labels] = value

    def as_json(self) -> dict[str, list[tuple[Labels, Value]]]:
        return {name: list(found.items()) for name, found in self.series.items() if found}


def added(families: Mapping[str, Family], into: Series, told: Mapping[str, Any], *, lasting: bool) -> None:
    """Adds what a process told. `lasting` leaves out gauges, which mean nothing once their process is gone.

    What another version of the gateway told is passed over where it has another shape.
    """
    for name, rows in told.items():
        family = families.get(name)
        if family is None or (lasting and family.kind is Kind.GAUGE):
            continue
        found = into.setdefault(name, {})
        for labels, value in rows:
            if len(labels) != len(family.labels) or not _fits(family, value):
                continue
            key = tuple(labels)
            found[key] = family.merged(found[key], value) if key in found else value


class Sums:
    """What the dead counted, whoever asks: without families, so that no reader's selection leaves anything out.

    Values add up where they have one shape; those of another version's are kept beside them. Gauges are in it too, and `added`
    leaves them out.
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[tuple[Labels, int], Value]] = {}

    def add(self, told: Mapping[str, Any]) -> None:
        for name, rows in told.items():
            found = self._found.setdefault(name, {})
            for labels, value in rows:
                if _is_number(value) or (isinstance(value, list) and all(map(_is_number, value))):
                    key = (tuple(labels), len(value) if isinstance(value, list) else 0)
                    found[key] = _plus(found[key], value) if key in found else value

    def as_json(self) -> dict[str, list[tuple[Labels, Value]]]:
        return {
            name: [(labels, value) for (labels, _), value in rows.items()]
            for name, rows in self._found.items()
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _plus(one: Value, other: Value) -> Value:
    if isinstance(one, list) and isinstance(other, list):
        return [a + b for a, b in zip(one, other, strict=True)]
    return one + other  # type: ignore[operator]


def _fits(family: Family, value: Any) -> bool:
    if family.kind is Kind.HISTOGRAM:
        return isinstance(value, list) and len(value) == len(family.bounds) + 2
    return isinstance(value, int | float)
