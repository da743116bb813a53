"""Suspension: calls are refused from the next one on, nothing is lost, and it can be lifted.

Of a key see `issued_keys`: it raises the key's generation instead of the organization's version.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Organization, Project
from tenants.rights import Right
from tenants.services.saved import Actor, Change, changing

_FIELDS = ("suspended_at", "suspended_for")
_MOST_REASON = 200


def suspend_organization(*, organization_id: UUID, reason: str, actor: str) -> bool:
    """Whether it was not suspended before. Only operators do this, so that members cannot lift it."""
    return _hold_organization(organization_id, reason, actor)


def resume_organization(*, organization_id: UUID, actor: str) -> bool:
    return _hold_organization(organization_id, None, actor)


def suspend_project(*, organization_id: UUID, slug: str, reason: str, actor: Actor) -> bool:
    return _hold_project(organization_id, slug, reason, actor)


def resume_project(*, organization_id: UUID, slug: str, actor: Actor) -> bool:
    return _hold_project(organization_id, slug, None, actor)


def _hold_organization(organization_id: UUID, reason: str | None, actor: str) -> bool:
    with changing(organization_id, actor) as change:
        organization = change.organization
        held = hold(change, organization, f"organization.{verb(reason)}", organization.slug, reason)
        if held:
            organization.save(update_fields=_FIELDS)
            change.raise_version()
    return held


def _hold_project(organization_id: UUID, slug: str, reason: str | None, actor: Actor) -> bool:
    with changing(organization_id, actor, Right.PROJECTS_WRITE) as change:
        project = Project.objects.filter(slug=slug, archived_at=None).first()
        if project is None:
            raise InputError("project", f"there is no project {slug!r}")
        held = hold(change, project, f"project.{verb(reason)}", slug, reason)
        if held:
            project.save(update_fields=_FIELDS)
            change.raise_version()
    return held


def verb(reason: str | None) -> str:
    return "resume" if reason is None else "suspend"


def hold(
    change: Change, row: Organization | Project | ApiKey, action: str, target: str, reason: str | None
) -> bool:
    """Sets the row's fields for its owner to save, and leaves the act; no reason lifts the suspension.

    False, and nothing done, when the row is in that state already.
    """
    if (row.suspended_at is None) == (reason is None):
        return False
    before = _told(row)
    row.suspended_at = None if reason is None else timezone.now()
    row.suspended_for = (reason or "")[:_MOST_REASON]
    change.act(action, target, before, _told(row))
    return True


def _told(row: Organization | Project | ApiKey) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _FIELDS}
