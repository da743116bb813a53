"""What other apps write in the ledger's own transaction, registered at start-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit.events import Row


@dataclass(frozen=True)
class Projection:
    """`apply` runs in a savepoint over the rows just inserted; when it fails, `failed` marks what to rebuild."""

    name: str
    apply: Callable[[Sequence[Row]], None]
    failed: Callable[[Sequence[Row], Exception], None]


class Registry:
    def __init__(self) -> None:
        self.projections: dict[str, Projection] = {}

    def register(self, projection: Projection) -> None:
        self.projections[projection.name] = projection


registry = Registry()
