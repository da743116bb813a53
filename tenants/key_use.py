"""When keys, and secrets that a rotation replaced, were last used: a projection of the ledger, so that no call writes anything for it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from audit.events import Row
from orbit.lib import arrays

logger = logging.getLogger(__name__)

USES = ("call", "refusal")
_ADDRESS = 64
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
    newest: dict[UUID, tuple[UUID, datetime, str]] = {}
    for row in sorted((one for one in rows if one["kind"] in USES and one["key_id"]), key=_moment):
        address = str(row["detail"].get("client_ip") or "")[:_ADDRESS]
        before = newest.get(row["key_id"])
        newest[row["key_id"]] = (
            row["organization_id"],
            row["admitted_at"],
            address or (before[2] if before else ""),
        )
    if newest:
        with connections["ledger"].cursor() as cursor:
            cursor.execute(_KEEP, arrays.columns([(one, *use) for one, use in newest.items()]))


def failed(rows: Sequence[Row], error: Exception) -> None:
    """The next use of each key makes up for it."""
    logger.error("the last use of %s keys is not kept: %s", len({row["key_id"] for row in rows}), error)


def _moment(row: Row) -> Any:
    return row["admitted_at"]
