"""The two ways to a row before its organization is known: from the digest of a key."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from orbit.lib import access


def find_key(digest: bytes) -> tuple[UUID, UUID] | None:
    """The ids of the key that a secret belongs or belonged to, and of its organization."""
    with access.scope(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT key_id, organization_id FROM orbit_find_key(%s)", [digest])
        found: tuple[UUID, UUID] | None = cursor.fetchone()
    return found


def find_management_key(digest: bytes) -> tuple[UUID, UUID] | None:
    """The ids of the key of the management API with this digest, and of its organization."""
    with access.scope(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT key_id, organization_id FROM orbit_find_management_key(%s)", [digest])
        found: tuple[UUID, UUID] | None = cursor.fetchone()
    return found
