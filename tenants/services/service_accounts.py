"""Service accounts: members of a project that are no people, and whose keys go with them."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Project, ServiceAccount
from tenants.rights import Right
from tenants.schema import values
from tenants.services.issued_keys import revoke
from tenants.services.saved import Actor, Change, Saved, changing, valid


def create_service_account(
    *, organization_id: UUID, project: str, name: str, actor: Actor
) -> Saved[ServiceAccount]:
    """One that is there already stays as it is."""
    valid("name", values.name, name)
    with changing(organization_id, actor, Right.PROJECTS_WRITE) as change:
        where = _project(project)
        found = ServiceAccount.objects.filter(project=where, name=name, removed_at=None).first()
        if found is not None:
            return Saved(found, created=False)
        account = ServiceAccount.objects.create(organization_id=organization_id, project=where, name=name)
        change.act("service_account.create", f"{project}/{name}")
    return Saved(account, created=True)


def remove_service_account(*, organization_id: UUID, project: str, name: str, actor: Actor) -> None:
    """Its keys are revoked."""
    with changing(organization_id, actor, Right.PROJECTS_WRITE) as change:
        account = ServiceAccount.objects.filter(project=_project(project), name=name, removed_at=None).first()
        if account is None:
            raise InputError("service_account", f"there is no service account {project}/{name}")
        end_account(change, account, project)


def end_account(change: Change, account: ServiceAccount, project: str) -> None:
    """Within a change that is under way."""
    for key in ApiKey.objects.filter(service_account=account, revoked_at=None):
        revoke(change, key, project)
    account.removed_at = timezone.now()
    account.save(update_fields=["removed_at"])
    change.act("service_account.remove", f"{project}/{account.name}")


def _project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug, archived_at=None).first()
    if project is None:
        known = Project.objects.filter(archived_at=None).values_list("slug", flat=True)
        raise InputError("project", f"there is no project {slug!r}", values.nearest(slug, known))
    return project
