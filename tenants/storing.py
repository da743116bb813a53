"""What the policies over a key say together about storing what its calls say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODES = ("none", "redacted", "full")  # the strictest first


@dataclass(frozen=True, slots=True)
class Storing:
    """What is stored of prompts and answers, and for how many days."""

    mode: str  # redacted or full
    days: int


def storing(documents: Sequence[Mapping[str, Any]], usual_days: int) -> Storing | None:
    """The strictest word of the chain, and the shortest time; a policy that says nothing says none. None: nothing is."""
    said = [audit_of(document) for document in documents]
    mode = min((one.get("content", "none") for one in said), key=MODES.index)
    if mode == "none":
        return None
    return Storing(
        mode, min((one["content_days"] for one in said if "content_days" in one), default=usual_days)
    )


def audit_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document.get("audit") or {}
    return found
