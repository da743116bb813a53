"""What a model is to its worker, so that another one can take Rampart's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dlp.findings import Finding


class Late(Exception):
    """There was no time left."""


class Finder(Protocol):
    def find(self, text: str, late: Callable[[], bool]) -> list[Finding]:
        """Findings in order of place, without overlaps, places in characters; raises Late once `late()` is true."""
