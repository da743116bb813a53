"""Keys of the management API: an organization's, a member's own, and the installation's operators'."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import keys
from tenants.models import ManagementKey, OperatorKey, Person
from tenants.rights import SCOPES, Right, Scope
from tenants.schema import values
from tenants.services.saved import Actor, Change, changing, valid

logger = logging.getLogger(__name__)


def issue_management_key(
    *,
    organization_id: UUID,
    name: str,
    scopes: Collection[str],
    actor: Actor,
    own: bool = False,
    expires_at: datetime | None = None,
) -> tuple[ManagementKey, str]:
    """The key and its text, which cannot be had again.

    Nobody gives a scope that they lack. An `own` key is the member's who issues it: any member may have one, and
    it never opens more than this member may.
    """
    valid("name", values.name, name)
    wanted = organizations_scopes(scopes)
    needed = Right.ORGANIZATION_READ if own else Right.MANAGEMENT_KEYS_WRITE
    with changing(organization_id, actor, needed) as change:
        change.require_all(frozenset(wanted))
        if own and change.member is None:
            raise InputError("own", "only a member has a key of their own", "leave it out")
        text = keys.new_key(keys.MANAGEMENT)
        key = ManagementKey(
            organization_id=organization_id,
            name=name,
            person=change.member.person if own and change.member else None,
            words=[one.value for one in wanted],
            digest=keys.digest(text, settings.ORBIT_KEY_PEPPER),
            hint=keys.hint(text),
            expires_at=_ahead(expires_at),
            created_by=change.actor[:254],
        )
        try:
            with transaction.atomic(using="default"):
                key.save(force_insert=True)
        except IntegrityError:
            raise InputError(
                "name", f"there is a management key {name!r} already", "choose another"
            ) from None
        told = {"scopes": key.words, "hint": key.hint, "owner": key.owner, "expires_at": key.expires_at}
        change.act("management_key.issue", name, None, told)
    return key, text


def revoke_management_key(*, organization_id: UUID, key_id: UUID, actor: Actor) -> ManagementKey:
    """Ends it for good. A member's own takes no right but to be that member."""
    with changing(organization_id, actor, Right.ORGANIZATION_READ) as change:
        key = ManagementKey.objects.select_related("person").filter(pk=key_id).first()
        if key is None:
            raise InputError("key", "there is no such key")
        if key.person_id is None or change.member is None or change.member.person_id != key.person_id:
            change.require(Right.MANAGEMENT_KEYS_WRITE)
        if key.revoked_at is None:
            _revoke(change, key)
    return key


def end_management_keys(change: Change, person: Person) -> None:
    """A member's own, when the membership ends."""
    for key in ManagementKey.objects.filter(person=person, revoked_at=None):
        _revoke(change, key)


def _revoke(change: Change, key: ManagementKey) -> None:
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    change.act("management_key.revoke", key.name, {"revoked_at": None}, {"revoked_at": key.revoked_at})


def issue_operator_key(
    *, name: str, scopes: Collection[str], actor: str, expires_at: datetime | None = None
) -> tuple[OperatorKey, str]:
    """A key of the installation's and its text. It belongs to no organization: the log tells of it, no ledger."""
    valid("name", values.name, name)
    text = keys.new_key(keys.OPERATOR)
    key = OperatorKey(
        name=name,
        words=[one.value for one in known_scopes(scopes)],
        digest=keys.digest(text, settings.ORBIT_KEY_PEPPER),
        hint=keys.hint(text),
        expires_at=_ahead(expires_at),
        created_by=actor[:254],
    )
    with access.operator():
        if OperatorKey.objects.filter(name=name).exists():
            raise InputError("name", f"there is or was an operator key {name!r}", "choose another")
        key.save(force_insert=True)
    logger.warning("%s issued the operator key %s (%s) for %s", actor, name, key.hint, " ".join(key.words))
    return key, text


def revoke_operator_key(*, name: str, actor: str) -> OperatorKey:
    with access.operator():
        key = OperatorKey.objects.filter(name=name).first()
        if key is None:
            near = values.nearest(name, OperatorKey.objects.values_list("name", flat=True))
            raise InputError("name", f"there is no operator key {name!r}", near)
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
            logger.warning("%s revoked the operator key %s (%s)", actor, name, key.hint)
    return key


def organizations_scopes(words: Collection[str]) -> list[Right]:
    """What a credential of an organization may hold, in the order of the table, each once."""
    found = [one for one in known_scopes(words) if isinstance(one, Right)]
    if len(found) < len(set(words)):
        raise InputError("scopes", "hold a scope of the installation's operators", "leave it out")
    return found


def known_scopes(words: Collection[str]) -> list[Scope]:
    """The scopes in the order of the table, each once."""
    if not words:
        raise InputError("scopes", "are none", "name at least one, such as usage.read")
    for word in words:
        valid("scopes", lambda text: values.one_of(text, list(SCOPES)), word)
    return [scope for word, scope in SCOPES.items() if word in words]


def _ahead(expires_at: datetime | None) -> datetime | None:
    if expires_at is not None and expires_at <= timezone.now():
        raise InputError("expires_at", "is over", "name a moment to come")
    return expires_at
