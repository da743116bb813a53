"""Issued keys. A change raises the key's own generation, so that it reloads nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orbit.lib.errors import InputError
from tenants import keys, rotation
from tenants.key_list import Selection, selected
from tenants.models import ApiKey, Project
from tenants.rights import Right
from tenants.schema import allow_document, values
from tenants.services.owners import find_owner
from tenants.services.policies import find_policy
from tenants.services.saved import Actor, Change, Saved, changing, differences, valid
from tenants.services.suspension import hold, verb

AT_ONCE = 500  # keys revoked in one transaction


def issue_key(
    *,
    organization_id: UUID,
    project: str,
    name: str,
    actor: Actor,
    policy: str | None = None,
    allow: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
    rotate_after_days: int | None = None,
    owner: str | None = None,
) -> tuple[ApiKey, str]:
    """The key and its text, which cannot be had again. Invalid when `allow` is wrong.

    `owner` is a member's address or a service account's name.
    """
    valid("name", values.name, name)
    narrowed, now = allow_document(allow or {}), timezone.now()
    _check_days(rotate_after_days)
    with changing(organization_id, actor, Right.KEYS_ISSUE) as change:
        home = Project.objects.filter(slug=project, archived_at=None).first()
        if home is None:
            known = Project.objects.filter(archived_at=None).values_list("slug", flat=True)
            raise InputError("project", f"there is no project {project!r}", values.nearest(project, known))
        if policy is not None and home.policy_id is change.organization.policy_id is None:
            change.require(Right.POLICIES_ATTACH)  # it would not narrow what is allowed but open it
        text = keys.new_key()
        person, service_account = find_owner(home, owner)
        key = ApiKey(
            organization_id=organization_id,
            project=home,
            name=name,
            person=person,
            service_account=service_account,
            digest=keys.digest(text, settings.ORBIT_KEY_PEPPER),
            hint=keys.hint(text),
            policy=find_policy(policy),
            allow=narrowed,
            expires_at=expires_at,
            rotate_after_days=rotate_after_days,
            rotation_due_at=rotation.due(now, rotate_after_days, now),
            created_by=change.actor[:254],
        )
        try:
            with transaction.atomic(using="default"):
                key.save(force_insert=True)
        except IntegrityError:
            raise InputError(
                "name", f"the project has a key {name!r} already", "choose another, or revoke it"
            ) from None
        change.act(
            "key.issue", f"{project}/{name}", None, _shown(key) | {"hint": key.hint, "owner": key.owner}
        )
        change.tell_key(key)
    return key, text


def change_key(
    *,
    organization_id: UUID,
    key_id: UUID,
    policy: str | None,
    allow: Mapping[str, Any],
    expires_at: datetime | None,
    rotate_after_days: int | None,
    actor: Actor,
) -> Saved[ApiKey]:
    """All of it becomes as given; nothing is kept that is not named, so that no caller widens a key unawares."""
    narrowed = allow_document(allow)
    _check_days(rotate_after_days)
    with changing(organization_id, actor, Right.KEYS_WRITE) as change:
        key = usable(key_id)
        wanted = {
            "policy": find_policy(policy),
            "allow": narrowed,
            "expires_at": expires_at,
            "rotate_after_days": rotate_after_days,
        }
        new = differences(key, wanted)
        if new:
            if "policy" in new:
                change.require(Right.POLICIES_ATTACH)
            before = {field: getattr(key, field) for field in new}
            for field, value in new.items():
                setattr(key, field, value)
            moved = _schedule(key) if "rotate_after_days" in new else []
            raise_generation(change, key, [*new, *moved])
            change.act("key.update", f"{key.project.slug}/{key.name}", before, new)
    return Saved(key, created=False, fields=tuple(new))


def revoke_key(*, organization_id: UUID, key_id: UUID, actor: Actor, reason: str = "") -> ApiKey:
    """Ends a key for good. One that is revoked already stays as it is."""
    with changing(organization_id, actor, Right.KEYS_REVOKE) as change:
        key = ApiKey.objects.select_related("project").filter(id=key_id).first()
        if key is None:
            raise InputError("key", "there is no such key")
        if key.revoked_at is None:
            revoke(change, key, key.project.slug, reason)
    return key


def revoke_keys(
    *, organization_id: UUID, selection: Selection, actor: Actor, reason: str = ""
) -> list[ApiKey]:
    """Revokes what is selected, an act for each. Some at once, so that nobody waits long for the organization.

    InputError for a selection that says nothing: that would be every key.
    """
    if selection.everything:
        raise InputError(
            "selection", "names no key in particular", "say which: by project, person, name or last use"
        )
    revoked: list[ApiKey] = []
    while True:
        with changing(organization_id, actor, Right.KEYS_REVOKE) as change:
            some = list(selected(selection)[:AT_ONCE])
            for key in some:
                revoke(change, key, key.project.slug, reason)
        revoked += some
        if len(some) < AT_ONCE:
            return revoked


def revoke(change: Change, key: ApiKey, project: str, reason: str = "") -> None:
    """Within a change that is under way."""
    key.revoked_at = timezone.now()
    raise_generation(change, key, ["revoked_at"])
    after = {"revoked_at": key.revoked_at} | ({"reason": reason[:500]} if reason else {})
    change.act("key.revoke", f"{project}/{key.name}", {"revoked_at": None}, after)


def suspend_key(*, organization_id: UUID, key_id: UUID, reason: str, actor: Actor) -> bool:
    """Whether it was not suspended before. Unlike a revoked key, it can be resumed."""
    return _hold(organization_id, key_id, reason, actor)


def resume_key(*, organization_id: UUID, key_id: UUID, actor: Actor) -> bool:
    return _hold(organization_id, key_id, None, actor)


def _hold(organization_id: UUID, key_id: UUID, reason: str | None, actor: Actor) -> bool:
    with changing(organization_id, actor, Right.KEYS_WRITE) as change:
        key = usable(key_id)
        held = hold(change, key, f"key.{verb(reason)}", f"{key.project.slug}/{key.name}", reason)
        if held:
            raise_generation(change, key, ["suspended_at", "suspended_for"])
    return held


def usable(key_id: UUID) -> ApiKey:
    """A key of the organization in scope that was not revoked, with its project and policy."""
    key = ApiKey.objects.select_related("project", "policy").filter(id=key_id, revoked_at=None).first()
    if key is None:
        raise InputError("key", "there is no such key, or it was revoked")
    return key


def raise_generation(change: Change, key: ApiKey, fields: list[str]) -> None:
    """Saves the fields of a key. Every snapshot of it is stale from the commit on."""
    key.generation += 1
    key.save(update_fields=[*fields, "generation"])
    ApiKey.objects.filter(id=key.id).update(changed_at=Now())
    change.tell_key(key)


def _schedule(key: ApiKey) -> list[str]:
    """The fields that a changed schedule moves."""
    issued_at = key.rotated_at or key.created_at
    key.rotation_due_at = rotation.due(issued_at, key.rotate_after_days, timezone.now())
    key.rotation_told_at = None
    return ["rotation_due_at", "rotation_told_at"]


def _check_days(days: int | None) -> None:
    if days is not None and not 1 <= days <= rotation.MOST_DAYS:
        raise InputError("rotate_after_days", f"must be from 1 to {rotation.MOST_DAYS}")


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "policy": key.policy,
        "allow": key.allow,
        "expires_at": key.expires_at,
        "rotate_after_days": key.rotate_after_days,
    }
