"""What may be left out of a request that a provider's format cannot express, by the policies over a key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PART = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class Dropping:
    """One entry for each policy: the fields that it lets go, None for all. Without a policy nothing goes."""

    policies: tuple[frozenset[str] | None, ...] = ()

    def allows(self, path: str) -> bool:
        """Whether every policy lets the field go. `messages[0].content[1].cache_control` is a path."""
        names = [part for part in _PART.findall(path) if not part.isdecimal()]
        around = {".".join(names[:count]) for count in range(1, len(names) + 1)}
        return bool(self.policies) and all(fields is None or fields & around for fields in self.policies)


REFUSING = Dropping()


def dropping(documents: Iterable[Mapping[str, Any]]) -> Dropping:
    """Of the policies over a key: what one refuses is refused."""
    return Dropping(tuple(_of(document.get("untranslatable", "refuse")) for document in documents))


def _of(said: Any) -> frozenset[str] | None:
    if isinstance(said, Mapping):
        return frozenset(said["drop"])
    return None if said == "drop" else frozenset()
