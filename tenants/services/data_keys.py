"""Data keys: made when the first content is to be stored, renewed in time, destroyed for good."""

from __future__ import annotations

import base64
import os
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audit.models import Content
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import DataKey, Organization
from tenants.rights import Right
from tenants.secrets import local
from tenants.secrets.data_keys import KEY_BYTES, OpenedKey
from tenants.services.saved import Actor, Change, changing

UNUSED = timedelta(days=2)  # what was encrypted last with an old generation has arrived by then
ACTOR = "gateway"


def opened(row: DataKey) -> OpenedKey:
    """local.CannotOpen when it is destroyed, or wrapped by a master key that we do not have."""
    if row.sealed is None:
        raise local.CannotOpen("destroyed")
    return OpenedKey(row.generation, base64.b64decode(local.unseal(bytes(row.sealed), key_place(row))))


def key_place(row: DataKey) -> local.Place:
    return local.Place(row.organization_id, row.pk, "data_key")


def newest_data_key(*, organization_id: UUID) -> OpenedKey:
    """By which contents are encrypted now. Where there is none, it is made."""
    with access.scope(organization_id=organization_id):
        row = _newest()
    if row is None:
        with changing(organization_id, ACTOR) as change:
            row = _newest() or _made(change)  # another worker may have been faster
    return opened(row)


def _newest() -> DataKey | None:
    return DataKey.objects.filter(destroyed_at=None).order_by("-generation").first()


def _made(change: Change) -> DataKey:
    last = DataKey.objects.order_by("-generation").first()
    row = DataKey(organization=change.organization, generation=last.generation + 1 if last else 1)
    text = base64.b64encode(os.urandom(KEY_BYTES)).decode()
    row.sealed = local.seal(text, key_place(row))
    row.save(force_insert=True)
    change.act("data_key.make", change.organization.slug, None, {"generation": row.generation})
    return row


def data_keys_to_renew() -> list[UUID]:
    """The organizations whose newest data key is older than ORBIT_DATA_KEY_DAYS, or has one that nothing needs."""
    with access.operator():
        rows = DataKey.objects.filter(destroyed_at=None, created_at__lt=_old())
        return list(rows.values_list("organization_id", flat=True).distinct())


def _old() -> datetime:
    return timezone.now() - timedelta(days=settings.ORBIT_DATA_KEY_DAYS)


def renew_data_key(*, organization_id: UUID) -> None:
    """A new generation in place of an old one. A former one that no content is left of is destroyed."""
    with changing(organization_id, ACTOR) as change:
        newest = _newest()
        if newest is None:
            return
        if newest.created_at < _old():
            newest = _made(change)
            change.raise_version()
        former = DataKey.objects.filter(destroyed_at=None, generation__lt=newest.generation)
        successors = {one.generation: one.created_at for one in DataKey.objects.all()}
        for row in former:
            replaced = successors.get(row.generation + 1, timezone.now())
            if replaced < timezone.now() - UNUSED and not _used(row):
                _destroy(change, row)


def _used(row: DataKey) -> bool:
    return Content.objects.filter(generation=row.generation).exists()


def _destroy(change: Change, row: DataKey) -> None:
    row.sealed, row.destroyed_at = None, timezone.now()
    row.save(update_fields=["sealed", "destroyed_at"])
    change.act("data_key.destroy", change.organization.slug, None, {"generation": row.generation})


def destroy_data_keys(*, organization_id: UUID, actor: Actor, confirm: str, reason: str) -> int:
    """Makes all stored contents unreadable, at once and for good. Returns how many generations were destroyed.

    `confirm` is the organization's slug. The next content that is to be stored gets a new key.
    """
    with changing(organization_id, actor, Right.CONTENTS_DESTROY) as change:
        slug = change.organization.slug
        if confirm != slug:
            raise InputError("confirm", "is not the organization's slug", f"write {slug}")
        given = asked_reason(reason)
        there = DataKey.objects.filter(destroyed_at=None)
        generations = sorted(there.values_list("generation", flat=True))
        there.update(sealed=None, destroyed_at=timezone.now())
        change.act("contents.destroy", slug, None, {"generations": generations, "reason": given})
        if generations:
            change.raise_version()  # workers forget the key with the next call
    return len(generations)


def asked_reason(reason: str) -> str:
    given = reason.strip()
    if not given:
        raise InputError("reason", "is missing", "say why; it stands in the ledger")
    return given[:200]


def rewrap_data_keys(organization: Organization) -> tuple[int, list[str]]:
    """How many were wrapped anew by the newest master key, and which do not open."""
    count, damaged = 0, []
    for row in DataKey.objects.filter(organization=organization, destroyed_at=None):
        sealed = bytes(row.sealed or b"")
        try:
            fresh = local.rewrap(sealed, key_place(row))
        except local.CannotOpen:
            damaged.append(str(row))
            continue
        if fresh != sealed:
            row.sealed = fresh
            row.save(update_fields=["sealed"])
            count += 1
    return count, damaged
