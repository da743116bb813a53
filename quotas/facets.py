"""What calls say of themselves, to be summed by: end user, tags, error code, limit that refused.

End users and tags are the clients' words, and there is no end to them. Each day (UTC) of an organization tells the first
ORBIT_ROLLUP_VALUES of either apart, in the order of the ledger; all others share OTHER.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db import connections

from audit.events import Row

END_USER, TAG, TAGGED, CODE, LIMIT = "end_user", "tag", "tagged", "code", "limit"
ALL = (END_USER, TAG, TAGGED, CODE, LIMIT)
ENDLESS = (END_USER, TAG)
OTHER = "(other)"

Said = list[tuple[str, str]]
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


def said(row: Row) -> Said:
    """By what a row is summed. A tag reads `name=value`; TAGGED is all calls that have any."""
    if row["kind"] == "refusal":
        return _of_refusal(row)
    found: Said = []
    if row["end_user"]:
        found.append((END_USER, row["end_user"]))
    tags = row["detail"].get("tags")
    if tags:
        found.append((TAGGED, ""))
        found += [(TAG, f"{name}={value}"[:256]) for name, value in tags.items()]
    if row["code"]:
        found.append((CODE, row["code"]))
    return found


def _of_refusal(row: Row) -> Said:
    if row["detail"].get("shadow"):
        return []
    named = ((CODE, row["code"]), (LIMIT, row["limit"]))
    return [(facet, value) for facet, value in named if value]


def told_apart(said: Sequence[tuple[Row, Said]]) -> Callable[[UUID, date, str, str], str]:
    """What each value is summed as. Writes down those that are told apart from now on."""
    wanted = list(
        dict.fromkeys(
            (row["organization_id"], row["admitted_at"].date(), facet, value)
            for row, found in said
            for facet, value in found
            if facet in ENDLESS
        )
    )
    known = set(_admitted(wanted)) if wanted else set()

    def shown(organization_id: UUID, day: date, facet: str, value: str) -> str:
        if facet not in ENDLESS or (organization_id, day, facet, value) in known:
            return value
        return OTHER

    return shown


def _admitted(wanted: Sequence[Value]) -> Iterable[Value]:
    with connections["ledger"].cursor() as cursor:
        cursor.execute(KNOWN, _columns(wanted))
        known = set(cursor.fetchall())
        new = [one for one in wanted if one not in known]
        if not new:
            return known
        groups = list(dict.fromkeys(one[:3] for one in new))
        cursor.execute(COUNTS, _columns(groups))
        room = {tuple(group): settings.ORBIT_ROLLUP_VALUES - count for *group, count in cursor.fetchall()}
        admitted = []
        for one in new:
            if room[one[:3]] > 0:
                room[one[:3]] -= 1
                admitted.append(one)
        if admitted:
            cursor.execute(ADMIT, _columns(admitted))
    return known.union(admitted)


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
