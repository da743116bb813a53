"""Which few calls a difference consists of: an exact search over small sets. Pure.

A difference is a vector, of a handful of counts for each day it touches. Vectors of calls seldom add up to one another by
chance, so a set that does is taken for what happened, the likeliest where there are several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import add, sub

from billing.reconcile.sides import Call, Cause

Vector = tuple[int, ...]
MOST_PAIRED, MOST_TRIPLED, MOST_FOURFOLD = 3_000, 120, 40  # atoms up to which so many are tried together


@dataclass(frozen=True, slots=True)
class Atom:
    """One thing that may have happened to one call. The lighter, the likelier."""

    cause: Cause
    call: Call
    effect: Vector
    weight: float


@dataclass(frozen=True, slots=True)
class Found:
    atoms: tuple[Atom, ...]
    left: Vector

    @property
    def weight(self) -> float:
        return sum(atom.weight for atom in self.atoms)


def less(vector: Vector, other: Vector) -> Vector:
    return tuple(map(sub, vector, other))


def more(vector: Vector, other: Vector) -> Vector:
    return tuple(map(add, vector, other))


def exactly(wanted: Vector, atoms: Sequence[Atom]) -> tuple[Atom, ...] | None:
    """The smallest set of atoms of different calls that adds up to `wanted`, of several the lightest. None: there is none."""
    if not any(wanted):
        return ()
    by_effect: dict[Vector, list[Atom]] = {}
    for atom in sorted(atoms, key=lambda one: one.weight):
        by_effect.setdefault(atom.effect, []).append(atom)
    for size in (1, 2, 3, 4):
        if size > 1 and len(atoms) > (MOST_PAIRED, MOST_TRIPLED, MOST_FOURFOLD)[size - 2]:
            return None
        found = _of_size(size, wanted, atoms, by_effect)
        if found:
            return min(found, key=lambda some: sum(atom.weight for atom in some))
    return None


def _of_size(
    size: int, wanted: Vector, atoms: Sequence[Atom], by_effect: dict[Vector, list[Atom]]
) -> list[tuple[Atom, ...]]:
    found: list[tuple[Atom, ...]] = []
    for some in combinations(atoms, size - 1):
        if len({atom.call.event_id for atom in some}) < len(some):
            continue
        left = wanted
        for atom in some:
            left = less(left, atom.effect)
        for last in by_effect.get(left, ()):
            if all(last.call.event_id != atom.call.event_id for atom in some):
                found.append((*some, last))
                break
    return found


def partly(wanted: Vector, atoms: Sequence[Atom], most: int = 2) -> list[Found]:
    """Every set of up to `most` atoms of different calls, and what it leaves. The empty one first."""
    found = [Found((), wanted)]
    for size in range(1, most + 1):
        if size > 1 and len(atoms) > MOST_FOURFOLD:
            break
        for some in combinations(atoms, size):
            if len({atom.call.event_id for atom in some}) == len(some):
                left = wanted
                for atom in some:
                    left = less(left, atom.effect)
                found.append(Found(some, left))
    return found
