"""Whose a secret is that turned up somewhere, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants import keys
from tenants.found_keys import find_key
from tenants.key_list import described, state
from tenants.models import ApiKey, FormerSecret, Membership
from tenants.rights import Right
from tenants.services.issued_keys import raise_generation, revoke
from tenants.services.saved import Change, changing


@dataclass(frozen=True, slots=True)
class Owner:
    """`works` tells whether the secret itself opened anything when it was looked up; `ended`, whether it was ended then."""

    organization: str
    key: dict[str, Any]
    hint: str
    works: bool
    replaced: bool
    ended: bool
    key_id: str = ""

    @property
    def path(self) -> str:
        return f"{self.organization}/{self.key['project']}/{self.key['name']}"

    def as_dict(self) -> dict[str, Any]:
        secret = {"hint": self.hint, "works": self.works, "replaced": self.replaced, "ended": self.ended}
        return {"path": self.path, "organization": self.organization, "secret": secret, "key": self.key}


def look_up_key(text: str, *, actor: str | Membership, end: bool = False, reason: str = "") -> Owner | None:
    """The owner of a secret of any organization; an act in its ledger tells of the look-up. None when there is none.

    A member finds those of their own organization alone, and ends one by the right to revoke.
    With `end` the secret is ended: today's with its key, one that a rotation replaced alone. InputError, which does
    not repeat the text, when it is no key at all.
    """
    secret = text.strip().removeprefix("Bearer ").strip()
    if not keys.well_formed(secret):
        raise InputError(
            "key", "is no key of this gateway", "it has 53 characters, of which the last 6 are a checksum"
        )
    digest = keys.digest(secret, settings.ORBIT_KEY_PEPPER)
    found = find_key(digest)
    if found is None:
        return None
    key_id, organization_id = found
    right = None
    if isinstance(actor, Membership):
        if actor.organization_id != organization_id:
            return None
        right = Right.KEYS_REVOKE if end else Right.KEYS_READ
    with changing(organization_id, actor, right) as change:
        key = ApiKey.objects.select_related("project", "policy", "use", "person", "service_account").get(
            pk=key_id
        )
        former = FormerSecret.objects.filter(digest=digest, key=key).first()
        lives = _lives(key, former)
        works = lives and state(key) != "suspended" and not change.organization.is_closed
        change.act(
            "key.look_up", f"{key.project.slug}/{key.name}", None, {"hint": keys.hint(secret), "works": works}
        )
        if end and lives:
            _end(change, key, former, reason)
        return Owner(
            change.organization.slug,
            described(key),
            keys.hint(secret),
            works,
            former is not None,
            end and lives,
            str(key.pk),
        )


def _lives(key: ApiKey, former: FormerSecret | None) -> bool:
    """Whether it works, or would once nothing is suspended."""
    lives = state(key) in ("usable", "due", "suspended")
    return lives and (former is None or former.works_until > timezone.now())


def _end(change: Change, key: ApiKey, former: FormerSecret | None, reason: str) -> None:
    if former is None:
        revoke(change, key, key.project.slug, reason)
        return
    before: datetime = former.works_until
    former.works_until = timezone.now()
    former.save(update_fields=["works_until"])
    raise_generation(change, key, [])
    after = {"works_until": former.works_until} | ({"reason": reason[:500]} if reason else {})
    change.act(
        "key.end_secret",
        f"{key.project.slug}/{key.name}",
        {"hint": former.hint, "works_until": rfc3339(before)},
        after,
    )
