"""Which few calls a difference consists of: an exact search over small sets. Pure.

A difference is a vector, of a handful of counts for each day it touches. Vectors of calls seldom add up to one another by
chance, so a set that does is taken for what happened, the likeliest where there are several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import add, sub

from billing.reconcile.sides import Call, Cause

Vector = tuple[int, ...]
MOST_FOURFOLD = 40
MOST = (3_000, 120, MOST_FOURFOLD)  # atoms up to which two, three and four are tried together
DECOYS = 8


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


def exactly(wanted: Vector, atoms: Sequence[Atom], likely: float) -> tuple[Atom, ...] | None:
    """The smallest set of atoms of different calls that adds up to `wanted`, of several the lightest. None: there is none.

    Where there are too many atoms for sets of a size, those no heavier than `likely` are tried, if they are few enough.
    """
    if not any(wanted):
        return ()
    for size in (1, 2, 3, 4):
        found = _of_size(size, wanted, tried(atoms, size, likely))
        if found:
            return min(found, key=lambda some: sum(atom.weight for atom in some))
    return None


def tried(atoms: Sequence[Atom], size: int, likely: float) -> Sequence[Atom]:
    """Those of which sets of a size can be tried in a bearable time."""
    if size == 1 or len(atoms) <= MOST[size - 2]:
        return atoms
    light = [atom for atom in atoms if atom.weight <= likely]
    return light if len(light) <= MOST[size - 2] else ()


def by_chance(wanted: Vector, atoms: Sequence[Atom], chosen: Sequence[Atom], likely: float) -> bool:
    """Whether differences that there are not can be made of as many atoms too: then it proves nothing that this one can.

    Each is `wanted` with one call's effect exchanged for another's, so it is as round or as odd as calls are.
    """
    size, known = len(chosen), {atom.call.event_id for atom in chosen}
    some = tried(atoms, size, likely)
    by_kind: dict[tuple[Cause, bool], list[Atom]] = {}
    for atom in some:
        if atom.call.event_id not in known:
            by_kind.setdefault((atom.cause, atom.effect[-1] > 0), []).append(atom)
    others = max(by_kind.values(), key=len, default=[])
    decoys = {
        more(less(wanted, one.effect), other.effect)
        for one, other in zip(others, others[len(others) // 2 :], strict=False)
        if one.effect != other.effect
    }
    return _any_fits(size, sorted(decoys)[:DECOYS], some)


def _any_fits(size: int, decoys: Sequence[Vector], atoms: Sequence[Atom]) -> bool:
    """All decoys at once, as a walk through all sets is what takes the time."""
    if not decoys or len(atoms) < size:
        return False
    reach = {less(decoy, atom.effect) for decoy in decoys for atom in atoms}
    none = (0,) * len(decoys[0])
    sums = (reduce(more, some, none) for some in combinations([atom.effect for atom in atoms], size - 1))
    if not any(whole in reach for whole in sums):
        return False
    return any(_of_size(size, decoy, atoms) for decoy in decoys)


def _of_size(size: int, wanted: Vector, atoms: Sequence[Atom]) -> list[tuple[Atom, ...]]:
    found: list[tuple[Atom, ...]] = []
    by_effect: dict[Vector, list[Atom]] = {}
    for atom in sorted(atoms, key=lambda one: one.weight):
        by_effect.setdefault(atom.effect, []).append(atom)
    for some in combinations(atoms, size - 1):
        left = wanted
        for atom in some:
            left = less(left, atom.effect)
        fitting = by_effect.get(left)
        if not fitting or len({atom.call.event_id for atom in some}) < len(some):
            continue
        for last in fitting:
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
