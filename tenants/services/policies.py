"""Named policies and their revisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Organization, Policy, PolicyRevision, Project
from tenants.rights import Right
from tenants.schema import policy_document, values
from tenants.services.saved import Actor, Saved, changing, valid


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
    *, organization_id: UUID, name: str, document: Mapping[str, Any], actor: Actor, reason: str = ""
) -> Saved[Policy]:
    """Puts a new revision in force when the document says something new. Invalid when it is no policy."""
    valid("name", values.name, name)
    wanted = policy_document(document)
    with changing(organization_id, actor, Right.POLICIES_WRITE) as change:
        policy = Policy.objects.filter(name=name).first()
        before = document_in_force(policy) if policy else None
        if policy and before == wanted:
            return Saved(policy, created=False)
        if policy:
            policy.revision += 1
            policy.save(update_fields=["revision"])
        else:
            policy = Policy.objects.create(organization_id=organization_id, name=name)
        PolicyRevision.objects.create(
            organization_id=organization_id,
            policy=policy,
            number=policy.revision,
            document=wanted,
            author=change.actor[:254],
            reason=reason[:500],
        )
        fields = tuple(field for field in wanted if before is None or before.get(field) != wanted[field])
        change.act(
            "policy.update" if before else "policy.create",
            name,
            {field: before.get(field) for field in fields} if before else None,
            {field: wanted[field] for field in fields} | {"revision": policy.revision},
        )
        change.raise_version()
    return Saved(policy, created=before is None, fields=fields)


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
