"""What calls say of themselves, to be summed by: end user, tags, error code, limit that refused.

End users and tags are the clients' words, and there is no end to them. Each day (UTC) of an organization tells the first
ORBIT_ROLLUP_VALUES of either apart, in the order of the ledger; all others share OTHER.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import connections

from audit.events import Row
from orbit.lib import arrays

END_USER, TAG, TAGGED, CODE, LIMIT = "end_user", "tag", "tagged", "code", "limit"
ALL = (END_USER, TAG, TAGGED, CODE, LIMIT)
ENDLESS = (END_USER, TAG)
APART = (*ENDLESS, "finding")  # of which a day tells only so many apart; the last is of `quotas.findings`
OTHER = "(other)"
_TEXT = frozenset({str})

Pair = tuple[str, str]  # facet, value
Said = tuple[Pair, ...]
Day = tuple[UUID, date]  # of an organization
Value = tuple[UUID, date, str, str]  # organization, day, facet, value

KNOWN = """
SELECT v.organization_id, v.day, v.facet, v.value FROM quotas_facetvalue v
JOIN unnest(%s::uuid[], %s::date[], %s::text[], %s::text[]) AS a (organization_id, day, facet, value)
USING (organization_id, day, facet, value)"""
COUNTS = """
SELECT a.organization_id, a.day, a.facet, (SELECT count(*) FROM quotas_facetvalue v WHERE v.organization_id = a.organization_id
AND v.day = a.day AND v.facet = a.facet) FROM unnest(%s::uuid[], %s::date[], %s::text[]) AS a (organization_id, day, facet)"""
ADMIT = """
INSERT INTO quotas_facetvalue (organization_id, day, facet, value)
SELECT * FROM unnest(%s::uuid[], %s::date[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING"""


def said(row: Row) -> list[Said]:
    """By what a row is summed, apart what differs from call to call, the end user, and what many calls say alike.

    A tag reads `name=value`; TAGGED is all calls that have any.
    """
    if row["kind"] == "refusal":
        return _of_refusal(row)
    user, tags, code = row["end_user"], row["detail"].get("tags"), row["code"]
    found: list[Said] = [((END_USER, user),)] if user else []
    if tags:
        found.append(_tagged(tags))
    if code:
        found.append(((CODE, code),))
    return found


def _tagged(tags: Mapping[str, object]) -> Said:
    if _TEXT.issuperset(map(type, tags.values())):
        return _of_tags(*tags.items())
    return _of_tags(*((name, str(value)) for name, value in tags.items()))  # True, 1 and 1.0 are not one


@lru_cache(4096)
def _of_tags(*tags: Pair) -> Said:
    return (TAGGED, ""), *((TAG, f"{name}={value}"[:256]) for name, value in tags)


def _of_refusal(row: Row) -> list[Said]:
    if row["detail"].get("shadow"):
        return []
    named = ((CODE, row["code"]), (LIMIT, row["limit"]))
    return [((facet, value),) for facet, value in named if value]


def not_told_apart(days: Mapping[Day, Iterable[Pair]]) -> dict[Day, set[Pair]]:
    """What is summed as OTHER, of what was said on each day in the order of the ledger. Writes down what is told apart from now on."""
    wanted = [
        (organization_id, day, facet, value)
        for (organization_id, day), pairs in days.items()
        for facet, value in pairs
        if facet in APART
    ]
    known = _admitted(wanted) if wanted else set()
    hidden: dict[Day, set[Pair]] = {}
    if len(known) < len(wanted):
        for organization_id, day, facet, value in wanted:
            if (organization_id, day, facet, value) not in known:
                hidden.setdefault((organization_id, day), set()).add((facet, value))
    return hidden


def shown(found: Said, hidden: set[Pair]) -> set[Pair]:
    """By what one row is summed: once by OTHER, whatever of it is not told apart."""
    return {(facet, OTHER) if (facet, value) in hidden else (facet, value) for facet, value in found}


def _admitted(wanted: Sequence[Value]) -> set[Value]:
    """Those of the values, each given once, that are told apart."""
    with connections["ledger"].cursor() as cursor:
        cursor.execute(KNOWN, arrays.columns(wanted))
        known: set[Value] = set(cursor.fetchall())
        if len(known) == len(wanted):
            return known
        new = [one for one in wanted if one not in known]
        groups = list(dict.fromkeys(one[:3] for one in new))
        cursor.execute(COUNTS, arrays.columns(groups))
        room = {tuple(group): settings.ORBIT_ROLLUP_VALUES - count for *group, count in cursor.fetchall()}
        admitted = []
        for one in new:
            if room[one[:3]] > 0:
                room[one[:3]] -= 1
                admitted.append(one)
        if admitted:
            cursor.execute(ADMIT, arrays.columns(admitted))
    return known.union(admitted)
