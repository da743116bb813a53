"""From a policy's document to the limits that it puts on one object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from orbit.lib import clock, money
from quotas.limits import ANY_USER, Calendar, Limit, Raised
from tenants.models import Organization

EACH_USER = "(each end user)"  # in place of an end user's name until one is known


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
    """The limits of a policy attached to an object.

    `each_key` limits count on the key, once it is known; `each_end_user` limits on each end user of the object,
    see `Limit.for_user`.
    """
    return [
        _limit(rule, level, object_id, object_name, key_id, key_name)
        for rule in document.get("limits", ())
        if rule.get("of") != "each_key" or key_id
    ]


def _limit(
    rule: Mapping[str, Any], level: str, object_id: str, object_name: str, key_id: str, key_name: str
) -> Limit:
    parent = user = ""
    if rule.get("of") == "each_key":
        level, object_id, object_name = "key", key_id, key_name
    elif rule.get("of") == "each_end_user":
        parent, user = level, ANY_USER
        level, object_name = "end_user", EACH_USER
    ceiling = _amount(rule["meter"], rule["limit"])
    burst = int(rule.get("burst") or ceiling)
    return Limit(
        name=rule["name"],
        level=level,
        object_id=object_id,
        object_name=object_name,
        meter=rule["meter"],
        per=rule.get("per"),
        limit=ceiling,
        burst=burst,
        models=tuple(rule["models"]) if rule.get("models") is not None else None,
        shadow=bool(rule.get("shadow")),
        raised=_raised(rule, ceiling, burst),
        parent=parent,
        user=user,
    )


def _amount(meter: str, value: Any) -> int:
    return money.nano(value) if meter == "cost" else int(value)


def _raised(rule: Mapping[str, Any], ceiling: int, burst: int) -> Raised | None:
    given = rule.get("temporary")
    if given is None:
        return None
    limit = _amount(rule["meter"], given["limit"])
    return Raised(limit, burst * limit // ceiling, clock.to_us(clock.parse(given["until"])))


def strictest(limits: Iterable[Limit], at_us: int) -> list[Limit]:
    """What has to be checked from a moment on: one limit for each counter, so that no call counts twice on one.

    Of limits on the same counter those go that another one implies from now on. Where neither implies the other (a
    smaller rate beside a smaller burst, an increase that ends beside a limit in between), the further ones are
    given counters of their own.
    """
    kept: dict[str, list[Limit]] = {}
    for limit in limits:
        rivals = kept.setdefault(limit.counter, [])
        if not any(_implies(one, limit, at_us) for one in rivals):
            rivals[:] = [one for one in rivals if not _implies(limit, one, at_us)] + [limit]
    return [replace(limit, beside=number) for rivals in kept.values() for number, limit in enumerate(rivals)]


def _implies(one: Limit, other: Limit, at_us: int) -> bool:
    """Whether what `one` lets through `other` would let through too, at every moment from `at_us` on."""
    turns = [limit.raised.until for limit in (one, other) if limit.is_raised(at_us) and limit.raised]
    return all(
        mine <= theirs
        for moment in (at_us, *turns)
        for mine, theirs in zip(one.in_force(moment), other.in_force(moment), strict=True)
    )
