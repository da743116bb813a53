"""What a process checks before it opens a port or takes a task: whatever would break a promise, or work by half.

A store that cannot be reached is no reason to refuse; one that can and is unsafe, is. Problems refuse the start,
warnings are logged; each is a sentence that names the setting and the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass

from orbit.startup import addresses, places, secrets, stores
from orbit.startup.secrets import SECRETS
from orbit.startup.stores import ROLES

__all__ = ["ROLES", "SECRETS", "Examined", "examined", "problems"]


@dataclass(frozen=True, slots=True)
class Examined:
    problems: list[str]
    warnings: list[str]


def examined() -> Examined:
    of_stores, told_of_stores = stores.examined()
    return Examined(
        [*secrets.problems(), *addresses.problems(), *places.problems(), *of_stores],
        [*addresses.warnings(), *places.warnings(), *told_of_stores],
    )


def problems() -> list[str]:
    return examined().problems
