"""Deleting an organization: its calls are refused at once, it can be restored for a while, then it is purged.

The ledger and the books made from it stay, and so does the organization's row, whose slug they are read by.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audit.exports.models import Export, ExportPart
from audit.models import Content, ContentErasure
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import (
    ApiKey,
    CustomRole,
    DataKey,
    Domain,
    FormerSecret,
    FormerSecretUse,
    GroupRole,
    IdempotentAnswer,
    IdentityProvider,
    Inspector,
    Invitation,
    KeyUse,
    ManagementKey,
    Membership,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    OAuthClient,
    Organization,
    Policy,
    PolicyRequest,
    Project,
    ProviderAccount,
    ProviderObject,
    ProviderSession,
    ServiceAccount,
)
from tenants.rights import Right
from tenants.services.identity_provider import forget_links
from tenants.services.oauth_clients import forget_oauth_clients
from tenants.services.saved import Actor, changing
from tenants.signals import organization_purged

AT_ONCE = 5_000  # rows of one transaction
# In an order in which nothing that goes is still named by something that stays. Revisions go with their policies.
_GOING: tuple[Any, ...] = (
    DataKey,  # with the first of them no content can be read any more
    Content,
    ContentErasure,
    ExportPart,
    Export,
    ProviderObject,
    FormerSecretUse,
    FormerSecret,
    KeyUse,
    ApiKey,
    ServiceAccount,
    Project,
    ModelFallback,
    ModelTarget,
    ModelAlias,
    ProviderAccount,
    Inspector,
    PolicyRequest,
    Policy,
    Invitation,
    IdempotentAnswer,
    ManagementKey,
    ProviderSession,
    GroupRole,
    IdentityProvider,
    Domain,
    OAuthClient,
    Membership,
    CustomRole,
)


def delete_organization(*, organization_id: UUID, actor: Actor) -> Organization:
    """Until `purge_at` it can be restored. One that is deleted already keeps its day."""
    with changing(organization_id, actor, Right.ORGANIZATION_DELETE) as change:
        organization = change.organization
        if organization.deleted_at is None:
            organization.deleted_at = timezone.now()
            organization.purge_at = organization.deleted_at + timedelta(days=settings.ORBIT_DELETION_DAYS)
            organization.save(update_fields=["deleted_at", "purge_at"])
            change.act("organization.delete", organization.slug, None, {"purge_at": organization.purge_at})
            change.raise_version()
    return organization


def restore_organization(*, organization_id: UUID, actor: Actor) -> Organization:
    """As it was: keys work again with the next call."""
    with changing(organization_id, actor, Right.ORGANIZATION_DELETE) as change:
        organization = change.organization
        if organization.purge_at is not None and organization.purge_at <= timezone.now():
            raise InputError("organization", "its time is over, and it is being purged")
        if organization.deleted_at is not None:
            before = {"purge_at": organization.purge_at}
            organization.deleted_at = organization.purge_at = None
            organization.save(update_fields=["deleted_at", "purge_at"])
            change.act("organization.restore", organization.slug, before)
            change.raise_version()
    return organization


def due_organizations() -> list[UUID]:
    """Whose time is over, and of whom something may be left."""
    with access.operator():
        rows = Organization.objects.filter(purge_at__lte=timezone.now(), purged_at=None)
        return list(rows.order_by("purge_at").values_list("pk", flat=True))


def purge_organization(*, organization_id: UUID, actor: str) -> None:
    """Deletes all that is not of the books, some rows at a time; may be cut short, and repeated."""
    with changing(organization_id, actor) as change:
        if change.organization.purge_at is None or change.organization.purge_at > timezone.now():
            raise InputError("organization", "it can still be restored")
        Organization.objects.update(policy=None, ceiling=None, founded_by=None)
    forget_oauth_clients(organization_id)
    for model in _GOING:
        while _delete_some(organization_id, model) == AT_ONCE:
            pass
    with changing(organization_id, actor) as change:
        organization = change.organization
        if organization.purged_at is None:
            organization.purged_at = timezone.now()
            organization.name = organization.slug
            forget_links(organization.slug)
            organization.save(update_fields=["purged_at", "name"])
            organization_purged.send(sender=Organization, organization_id=organization_id)
            change.act("organization.purge", organization.slug)
            change.raise_version()


def _delete_some(organization_id: UUID, model: Any) -> int:
    with access.scope(organization_id=organization_id):
        rows = model.objects.filter(organization_id=organization_id)
        some = list(rows.values_list("pk", flat=True)[:AT_ONCE])
        rows.filter(pk__in=some).delete()
    return len(some)
