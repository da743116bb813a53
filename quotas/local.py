"""Admission while the store cannot be asked. Closed until local shares are here."""

from __future__ import annotations

from typing import Any


class LocalShares:
    def __init__(self, workers: int) -> None: ...

    def take(self, *_: Any, **__: Any) -> Any:
        return "closed"

    def release(self, lease_id: str) -> None: ...

    def clear(self) -> None: ...
