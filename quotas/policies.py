"""From a policy's document to the limits that it puts on one object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orbit.lib import money
from quotas.limits import Calendar, Limit
from tenants.models import Organization


def calendar_of(organization: Organization) -> Calendar:
    return Calendar(
        organization.time_zone,
        organization.week_starts,
        organization.month_starts_on,
        organization.year_starts_in,
    )


def limits_of(
    document: Mapping[str, Any],
    *,
    level: str,
    object_id: str,
    object_name: str,
    key_id: str = "",
    key_name: str = "",
) -> list[Limit]:
    """The limits of a policy attached to an object; `each_key` limits count on the key, once it is known."""
    found = []
    for rule in document.get("limits", ()):
        each_key = rule.get("of", "self") == "each_key"
        if each_key and not key_id:
            continue
        ceiling = money.nano(rule["limit"]) if rule["meter"] == "cost" else int(rule["limit"])
        found.append(
            Limit(
                name=rule["name"],
                level="key" if each_key else level,
                object_id=key_id if each_key else object_id,
                object_name=key_name if each_key else object_name,
                meter=rule["meter"],
                per=rule.get("per"),
                limit=ceiling,
                burst=int(rule.get("burst") or ceiling),
                models=tuple(rule["models"]) if rule.get("models") is not None else None,
            )
        )
    return found


def strictest(limits: Iterable[Limit]) -> list[Limit]:
    """One limit for each counter: the smallest, so that a call is not counted twice on the same counter."""
    kept: dict[str, Limit] = {}
    for limit in limits:
        known = kept.get(limit.counter)
        if known is None or (limit.limit, limit.burst) < (known.limit, known.burst):
            kept[limit.counter] = limit
    return list(kept.values())
