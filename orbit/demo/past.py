"""What people changed in the demo organization while its history went on, as acts of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from orbit.demo.colleagues import ADMIN, COLLEAGUES, DEVELOPER, HELD_FOR
from orbit.demo.habits import DAYS
from orbit.demo.organization import RESEARCH
from orbit.demo.traffic import Cast, Sent, uuid7_at
from orbit.lib.clock import rfc3339

OWNER = "demo@orbit.localhost"

# Days before the end, hour, who, what, of what, from what, to what.
_Change = tuple[int, int, str, str, str, dict[str, Any] | None, dict[str, Any] | None]
_CHANGES: tuple[_Change, ...] = (
    *(
        (DAYS - 1 - number, 9, OWNER, "member.add", email, None, {"role": role})
        for number, (email, _, role) in enumerate(COLLEAGUES)
    ),
    (DAYS - 9, 10, ADMIN, "project.create", RESEARCH, None, {"name": "Research", "policy": RESEARCH}),
    (DAYS - 9, 11, ADMIN, "key.issue", f"{RESEARCH}/notebooks", None, {"policy": None}),
    (DAYS - 20, 8, ADMIN, "key.issue", f"{RESEARCH}/evaluation", None, {"policy": None}),
    (41, 13, DEVELOPER, "key.issue", "chatbot/hackathon", None, {"policy": None}),
    (38, 17, ADMIN, "key.revoke", "chatbot/hackathon", {"revoked_at": None}, {"reason": "the hackathon is over"}),
    (34, 11, ADMIN, "organization.update", "demo", {"time_zone": "Europe/Berlin"}, {"time_zone": "UTC"}),
    (12, 15, ADMIN, "model.update", "assistant", {"fallbacks": []}, {"fallbacks": ["claude-haiku-4-5"]}),
    (6, 7, ADMIN, "key.suspend", f"{RESEARCH}/evaluation", {"suspended_at": None}, {"suspended_for": HELD_FOR}),
)  # fmt: skip


def acts(cast: Cast) -> Iterator[Sent]:
    chance = Random(cast.seed - 2)
    today = cast.until.replace(hour=0, minute=0, second=0, microsecond=0)
    for days, hour, actor, action, target, before, after in _CHANGES:
        moment = today - timedelta(days=days) + timedelta(hours=hour, minutes=chance.random() * 60)
        detail = {"actor": actor, "action": action, "target": target, "before": before, "after": after}
        yield {
            "v": 1,
            "event_id": str(uuid7_at(chance, moment)),
            "kind": "act",
            **{name: cast.organization[name] for name in ("organization_id", "organization")},
            "admitted_at": rfc3339(moment),
            "detail": detail,
        }
