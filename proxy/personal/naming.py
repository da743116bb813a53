"""What a client says of itself in headers, as limits and the ledger get it: its end user and its tags.

They go to no provider, but into events, sums and counters. So the policy's rules about requests hold for them, and what is
replaced stands there as it does in a body's `user` and `metadata`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dlp.policy import Direction
from dlp.walk import Place, Text
from proxy.asked import header_tags, header_user
from proxy.personal.inspection import Inspection, blocked, refusal

USER, TAGS = b"x-orbit-user", b"x-orbit-tags"


def inspected(inspection: Inspection, headers: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """With what the policy finds in the two replaced; the same mapping where that is nothing.

    CONTENT_BLOCKED where the policy refuses, INVALID_REQUEST for tags that cannot be read.
    """
    if not inspection.policy.requests or (USER not in headers and TAGS not in headers):
        return headers
    refused: Counter[tuple[str, str]] = Counter()
    made = dict(headers)
    user, tags = header_user(headers), header_tags(headers)
    if user:
        made[USER] = _replaced(inspection, Text(Place.METADATA, user), refused).encode("utf-8", "replace")
    if tags:
        shown = {
            _replaced(inspection, Text(Place.METADATA, name), refused): _replaced(
                inspection, Text(Place.METADATA, value, name), refused
            )
            for name, value in tags.items()
        }
        made[TAGS] = ",".join(f"{name}={value}" for name, value in shown.items()).encode("latin-1", "replace")
    if refused:
        raise refusal(refused)
    return made


def end_user(inspection: Inspection, user: str) -> str:
    """As calls of this user are counted. Nothing is noted."""
    text = Text(Place.METADATA, user)
    if not inspection.policy.requests:
        return user
    return inspection.replaced(text, inspection.look(text, Direction.REQUEST).decided, Direction.REQUEST)


def _replaced(inspection: Inspection, text: Text, refused: Counter[tuple[str, str]]) -> str:
    decided = inspection.look(text, Direction.REQUEST).decided
    if not decided:
        return text.value
    inspection.note(decided, text.place, Direction.REQUEST)
    for one in blocked(decided):
        refused[one.finding.kind, text.place.value] += 1
    return inspection.replaced(text, decided, Direction.REQUEST)
