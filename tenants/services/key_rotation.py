"""New secrets for keys. The key stays, and with it its counters, its name in the ledger, its policy and its scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants import keys, rotation
from tenants.models import ApiKey, FormerSecret
from tenants.rights import Right
from tenants.services.issued_keys import raise_generation, usable
from tenants.services.saved import Actor, changing

AT_ONCE = 1_000  # keys whose rotation is told of in one transaction


@dataclass(frozen=True, slots=True)
class Rotated:
    """The secret cannot be had again; the old one ends at `works_until`."""

    secret: str = field(repr=False)
    old_hint: str
    works_until: str

    def as_dict(self) -> dict[str, Any]:
        return {"secret": self.secret, "old_hint": self.old_hint, "old_works_until": self.works_until}


def rotate_key(
    *, organization_id: UUID, key_id: UUID, actor: Actor, overlap: timedelta = rotation.USUAL_OVERLAP
) -> Rotated:
    """A new secret. Those before it work on for the overlap, where they would have worked so long; none for longer."""
    if not timedelta() <= overlap <= rotation.MOST_OVERLAP:
        raise InputError("overlap", f"must be from 0 to {rotation.MOST_OVERLAP.days} days")
    with changing(organization_id, actor, Right.KEYS_WRITE) as change:
        change.require(Right.KEYS_ISSUE)  # whoever rotates a key holds one
        key, now = usable(key_id), timezone.now()
        if key.expires_at is not None and key.expires_at <= now:
            raise InputError("key", "the key has expired", "move its expires_at first")
        until = rotation.earliest(now + overlap, key.refused_from)
        assert until is not None
        FormerSecret.objects.filter(key=key, works_until__gt=until).update(works_until=until)
        FormerSecret.objects.create(
            organization_id=organization_id, key=key, digest=key.digest, hint=key.hint, works_until=until
        )
        secret, before = keys.new_key(), {"hint": key.hint, "rotation_due_at": key.rotation_due_at}
        key.digest, key.hint = keys.digest(secret, settings.ORBIT_KEY_PEPPER), keys.hint(secret)
        key.rotated_at, key.rotation_told_at = now, None
        key.rotation_due_at = rotation.due(now, key.rotate_after_days, now)
        raise_generation(change, key, ["digest", "hint", "rotated_at", "rotation_told_at", "rotation_due_at"])
        after = {"hint": key.hint, "rotation_due_at": key.rotation_due_at, "old_works_until": until}
        change.act("key.rotate", f"{key.project.slug}/{key.name}", before, after)
    return Rotated(secret, str(before["hint"]), rfc3339(until))


def announce_due_rotations(*, organization_id: UUID, actor: str) -> int:
    """An act for each key whose rotation has come due, once; returns how many there were."""
    with changing(organization_id, actor) as change:
        now = timezone.now()
        due = ApiKey.objects.filter(revoked_at=None, rotation_due_at__lte=now, rotation_told_at=None)
        found = list(due.select_related("project").order_by("rotation_due_at")[:AT_ONCE])
        for key in found:
            change.act(
                "key.rotation_due",
                f"{key.project.slug}/{key.name}",
                None,
                {
                    "hint": key.hint,
                    "rotation_due_at": key.rotation_due_at,
                    "refused_from": key.refused_from,
                },
            )
        ApiKey.objects.filter(pk__in=[key.pk for key in found]).update(rotation_told_at=now)
    return len(found)
