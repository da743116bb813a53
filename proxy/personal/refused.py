"""What refused requests are told apart by in the ledger's counts: the types that were blocked, and where they stood.

A client chooses what it sends, so there is an end to how many kinds one worker tells apart in a minute; the rest is counted
without types.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orbit.lib.errors import OrbitError

MOST = 50  # kinds of an organization in a minute
ORGANIZATIONS = 1_000

Kind = tuple[tuple[str, str], ...]  # types and places


@dataclass
class Refused:
    """One of a worker."""

    clock: Callable[[], float] = time.time
    minute: int = 0
    told: dict[str, set[Kind]] = field(default_factory=dict)

    def kind(self, organization_id: str, error: OrbitError) -> Kind:
        """Empty for a refusal that names no types, and for one kind too many."""
        kind = tuple(sorted((one["type"], one["place"]) for one in error.data.get("found", ())))
        minute = int(self.clock()) // 60
        if minute != self.minute:
            self.minute, self.told = minute, {}
        if organization_id not in self.told and len(self.told) >= ORGANIZATIONS:
            return ()
        known = self.told.setdefault(organization_id, set())
        if kind not in known and len(known) >= MOST:
            return ()
        known.add(kind)
        return kind
