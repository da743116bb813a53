"""When keys, and secrets that a rotation replaced, were last used: a projection of the ledger, so that no call writes anything for it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from django.db import connections

from audit.events import Row
from orbit.lib import arrays

logger = logging.getLogger(__name__)

USES = ("call", "refusal")
_ADDRESS = 64
_moment = itemgetter("admitted_at")
# A busy key is written once a minute. A refusal does not say from where, and leaves the address that is known.
_KEEP = """INSERT INTO tenants_keyuse AS known (key_id, organization_id, used_at, address)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::text[])
ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at,
    address = coalesce(nullif(excluded.address, ''), known.address)
WHERE excluded.used_at >= known.used_at + interval '1 minute'"""
_KEEP_SECRET = """INSERT INTO tenants_formersecretuse AS known (secret_id, organization_id, used_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
ON CONFLICT (secret_id) DO UPDATE SET used_at = excluded.used_at
WHERE excluded.used_at >= known.used_at + interval '1 minute'"""


def apply(rows: Sequence[Row]) -> None:
    _keep_keys(rows)
    _keep_secrets(rows)


def _keep_secrets(rows: Sequence[Row]) -> None:
    """Only calls tell by which secret they came."""
    used = (one for one in rows if one["kind"] == "call" and one["detail"].get("former_secret"))
    newest = {
        UUID(row["detail"]["former_secret"]): (row["organization_id"], row["admitted_at"])
        for row in sorted(used, key=_moment)
    }
    if newest:
        with connections["ledger"].cursor() as cursor:
            cursor.execute(_KEEP_SECRET, arrays.columns([(one, *use) for one, use in newest.items()]))


def _keep_keys(rows: Sequence[Row]) -> None:
    used: dict[UUID, list[Row]] = {}
    for row in rows:
        if row["kind"] in USES and row["key_id"]:
            used.setdefault(row["key_id"], []).append(row)
    if used:
        columns = arrays.columns([(key_id, *_newest(some)) for key_id, some in used.items()])
        with connections["ledger"].cursor() as cursor:
            cursor.execute(_KEEP, columns)


def _newest(rows: list[Row]) -> tuple[UUID, datetime, str]:
    """Whose key it is, when it was used last, and the last address that is known: of one key."""
    rows.sort(key=_moment)
    addresses = (str(row["detail"].get("client_ip") or "")[:_ADDRESS] for row in reversed(rows))
    return rows[-1]["organization_id"], rows[-1]["admitted_at"], next(filter(None, addresses), "")


def failed(rows: Sequence[Row], error: Exception) -> None:
    """The next use of each key makes up for it."""
    logger.error("the last use of %s keys is not kept: %s", len({row["key_id"] for row in rows}), error)
