"""Suspending what an operator names or ticks: an organization, a project or a key alike."""

from __future__ import annotations

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import services
from tenants.models import ApiKey, Organization, Project

Suspended = Organization | Project | ApiKey
_KEY_PARTS = 3


def whom(path: str) -> Suspended:
    """Of `acme`, `acme/chatbot` or `acme/chatbot/production`."""
    parts = path.split("/")
    found: Suspended | None = None
    with access.operator():
        if len(parts) == 1:
            found = Organization.objects.filter(slug=path).first()
        elif len(parts) < _KEY_PARTS:
            found = Project.objects.filter(
                organization__slug=parts[0], slug=parts[1], archived_at=None
            ).first()
        elif len(parts) == _KEY_PARTS:
            keys = ApiKey.objects.filter(organization__slug=parts[0], project__slug=parts[1])
            found = keys.filter(name=parts[2], revoked_at=None).first()
    if found is None:
        raise InputError("path", f"there is no {path!r}", "write ORGANIZATION, ORGANIZATION/PROJECT or …/KEY")
    return found


def suspend(row: Suspended, *, reason: str, actor: str) -> bool:
    """Whether it was not suspended before."""
    match row:
        case Organization():
            return services.suspend_organization(organization_id=row.pk, reason=reason, actor=actor)
        case Project():
            return services.suspend_project(
                organization_id=row.organization_id, slug=row.slug, reason=reason, actor=actor
            )
        case ApiKey():
            return services.suspend_key(
                organization_id=row.organization_id, key_id=row.pk, reason=reason, actor=actor
            )


def resume(row: Suspended, *, actor: str) -> bool:
    """Whether it was suspended."""
    match row:
        case Organization():
            return services.resume_organization(organization_id=row.pk, actor=actor)
        case Project():
            return services.resume_project(organization_id=row.organization_id, slug=row.slug, actor=actor)
        case ApiKey():
            return services.resume_key(organization_id=row.organization_id, key_id=row.pk, actor=actor)
