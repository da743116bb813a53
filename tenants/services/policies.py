"""Named policies and their revisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Inspector, ModelAlias, Organization, Policy, PolicyRevision, Project
from tenants.rights import Right
from tenants.schema import models_named, policy_document, values
from tenants.services.saved import Actor, Change, Saved, changing, valid


class Outdated(InputError):
    """Somebody else revised the policy since the caller read it."""


def find_policy(name: str | None) -> Policy | None:
    """The policy of the organization in scope; InputError when there is none of that name."""
    if name is None:
        return None
    policy = Policy.objects.filter(name=name).first()
    if policy is None:
        known = Policy.objects.values_list("name", flat=True)
        raise InputError("policy", f"there is no policy {name!r}", values.nearest(name, known))
    return policy


def document_in_force(policy: Policy) -> dict[str, Any]:
    document: dict[str, Any] = PolicyRevision.objects.get(policy=policy, number=policy.revision).document
    return document


def save_policy(
    *,
    organization_id: UUID,
    name: str,
    document: Mapping[str, Any],
    actor: Actor,
    reason: str = "",
    based_on: int | None = None,
) -> Saved[Policy]:
    """Puts a new revision in force when the document says something new. Invalid when it is no policy.

    `based_on` is the revision that the caller read, 0 for none: Outdated when another is in force by now.
    """
    valid("name", values.name, name)
    wanted = policy_document(document)
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        policy = Policy.objects.filter(name=name).first()
        check_current(policy, name, based_on)
        check_inspectors(wanted)
        if policy is not None:
            return revise(change, policy, wanted, reason)
        policy = Policy.objects.create(organization_id=organization_id, name=name)
        _add_revision(change, policy, wanted, reason)
        change.act("policy.create", name, None, wanted | {"revision": 1})
        change.raise_version()
    return Saved(policy, created=True, fields=tuple(wanted))


def check_current(policy: Policy | None, name: str, based_on: int | None) -> None:
    """Outdated unless the revision that the caller read is in force."""
    current = policy.revision if policy is not None else 0
    if based_on is None or based_on == current:
        return
    if current == 0:
        raise Outdated("policy", f"{name!r} is gone", "somebody removed it meanwhile")
    if based_on == 0:
        raise Outdated("name", f"there is a policy {name!r} already", "choose another name")
    raise Outdated(
        "revision", f"{name!r} is at revision {current} by now, not {based_on}", "look at what changed"
    )


def rollback_policy(
    *,
    organization_id: UUID,
    name: str,
    number: int,
    actor: Actor,
    reason: str = "",
    based_on: int | None = None,
) -> Saved[Policy]:
    """Puts a new revision in force that says what an old one said; nothing changes when that is in force.

    Invalid when what it said is no policy any more; `based_on` as in `save_policy`.
    """
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        policy = find_policy(name)
        assert policy is not None
        check_current(policy, name, based_on)
        wanted = policy_document(find_revision(policy, number).document)
        gone = sorted(models_named(wanted) - set(ModelAlias.objects.values_list("alias", flat=True)))
        if gone:
            raise InputError(
                "revision", f"{number} names models that are gone: {', '.join(gone)}", "add them first"
            )
        check_inspectors(wanted)
        told = f"back to revision {number}" + (f": {reason}" if reason else "")
        return revise(change, policy, wanted, told, back_to=number)


def inspectors_named(document: Mapping[str, Any]) -> list[str]:
    """By a stored policy, in its order."""
    personal = document.get("dlp")
    return [one["name"] for one in personal.get("inspectors", ())] if personal else []


def check_inspectors(document: Mapping[str, Any]) -> None:
    """Whether the organization in scope has those that the policy names; InputError names the field."""
    named = inspectors_named(document)
    if not named:
        return
    known = list(Inspector.objects.order_by("name").values_list("name", flat=True))
    for number, name in enumerate(named):
        if name not in known:
            near = values.nearest(name, known) or (
                f"there are: {', '.join(known[:10])}" if known else "make one first"
            )
            raise InputError(f"dlp.inspectors[{number}].name", f"there is no inspector {name!r}", near)


def find_revision(policy: Policy, number: int) -> PolicyRevision:
    """InputError when the policy has none of that number."""
    revision = PolicyRevision.objects.filter(policy=policy, number=number).first()
    if revision is None:
        raise InputError("revision", f"{policy.name!r} has no revision {number}", f"1 to {policy.revision}")
    return revision


def revise(
    change: Change, policy: Policy, wanted: dict[str, Any], reason: str, back_to: int | None = None
) -> Saved[Policy]:
    """Puts a new revision in force when the document says something new."""
    before = document_in_force(policy)
    fields = tuple(field for field in wanted if before.get(field) != wanted[field])
    if before == wanted:
        return Saved(policy, created=False)
    policy.revision += 1
    policy.save(update_fields=["revision"])
    _add_revision(change, policy, wanted, reason)
    after = {field: wanted[field] for field in fields} | {"revision": policy.revision}
    change.act(
        "policy.update" if back_to is None else "policy.rollback",
        policy.name,
        {field: before.get(field) for field in fields},
        after if back_to is None else after | {"back_to": back_to},
    )
    change.raise_version()
    return Saved(policy, created=False, fields=fields)


def _add_revision(change: Change, policy: Policy, document: dict[str, Any], reason: str) -> None:
    PolicyRevision.objects.create(
        organization_id=policy.organization_id,
        policy=policy,
        number=policy.revision,
        document=document,
        author=change.actor[:254],
        reason=reason[:500],
    )


def delete_policy(*, organization_id: UUID, name: str, actor: Actor) -> None:
    """Removes a policy that nothing usable stands under; archived projects and revoked keys let go of it."""
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        policy = find_policy(name)
        assert policy is not None
        if _in_use(policy):
            raise InputError(
                "policy", f"{name!r} is still in use", "take it from its projects and keys first"
            )
        Project.objects.filter(policy=policy).update(policy=None)
        ApiKey.objects.filter(policy=policy).update(policy=None)
        before = document_in_force(policy)
        policy.delete()
        change.act("policy.delete", name, before)
        change.raise_version()


def _in_use(policy: Policy) -> bool:
    return (
        Organization.objects.filter(policy=policy).exists()
        or Project.objects.filter(policy=policy, archived_at=None).exists()
        or ApiKey.objects.filter(policy=policy, revoked_at=None).exists()
    )
