"""Issued keys. A change raises the key's own generation, so that it reloads nobody else."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from orbit.lib.errors import InputError
from tenants import keys
from tenants.models import ApiKey, Project
from tenants.rights import Right
from tenants.schema import values
from tenants.services.owners import find_owner
from tenants.services.policies import find_policy
from tenants.services.saved import Actor, Change, Saved, changing, differences, valid
from tenants.services.suspension import hold, verb


def issue_key(
    *,
    organization_id: UUID,
    project: str,
    name: str,
    actor: Actor,
    policy: str | None = None,
    expires_at: datetime | None = None,
    owner: str | None = None,
) -> tuple[ApiKey, str]:
    """The key and its text, which cannot be had again. `owner` is a member's address or a service account's name."""
    valid("name", values.name, name)
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
            expires_at=expires_at,
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
    *, organization_id: UUID, key_id: UUID, policy: str | None, expires_at: datetime | None, actor: Actor
) -> Saved[ApiKey]:
    with changing(organization_id, actor, Right.KEYS_WRITE) as change:
        key = _usable(key_id)
        new = differences(key, {"policy": find_policy(policy), "expires_at": expires_at})
        if new:
            if "policy" in new:
                change.require(Right.POLICIES_ATTACH)
            before = {field: getattr(key, field) for field in new}
            for field, value in new.items():
                setattr(key, field, value)
            _raise_generation(change, key, list(new))
            change.act("key.update", f"{key.project.slug}/{key.name}", before, new)
    return Saved(key, created=False, fields=tuple(new))


def revoke_key(*, organization_id: UUID, key_id: UUID, actor: Actor) -> ApiKey:
    """Ends a key for good. One that is revoked already stays as it is."""
    with changing(organization_id, actor, Right.KEYS_REVOKE) as change:
        key = ApiKey.objects.select_related("project").filter(id=key_id).first()
        if key is None:
            raise InputError("key", "there is no such key")
        if key.revoked_at is None:
            revoke(change, key, key.project.slug)
    return key


def revoke(change: Change, key: ApiKey, project: str) -> None:
    """Within a change that is under way."""
    key.revoked_at = timezone.now()
    _raise_generation(change, key, ["revoked_at"])
    change.act("key.revoke", f"{project}/{key.name}", {"revoked_at": None}, {"revoked_at": key.revoked_at})


def suspend_key(*, organization_id: UUID, key_id: UUID, reason: str, actor: Actor) -> bool:
    """Whether it was not suspended before. Unlike a revoked key, it can be resumed."""
    return _hold(organization_id, key_id, reason, actor)


def resume_key(*, organization_id: UUID, key_id: UUID, actor: Actor) -> bool:
    return _hold(organization_id, key_id, None, actor)


def _hold(organization_id: UUID, key_id: UUID, reason: str | None, actor: Actor) -> bool:
    with changing(organization_id, actor, Right.KEYS_WRITE) as change:
        key = _usable(key_id)
        held = hold(change, key, f"key.{verb(reason)}", f"{key.project.slug}/{key.name}", reason)
        if held:
            _raise_generation(change, key, ["suspended_at", "suspended_for"])
    return held


def _usable(key_id: UUID) -> ApiKey:
    key = ApiKey.objects.select_related("project", "policy").filter(id=key_id, revoked_at=None).first()
    if key is None:
        raise InputError("key", "there is no such key, or it was revoked")
    return key


def _raise_generation(change: Change, key: ApiKey, fields: list[str]) -> None:
    key.generation += 1
    key.save(update_fields=[*fields, "generation"])
    ApiKey.objects.filter(id=key.id).update(changed_at=Now())
    change.tell_key(key)


def _shown(key: ApiKey) -> dict[str, object]:
    return {"policy": key.policy, "expires_at": key.expires_at}
