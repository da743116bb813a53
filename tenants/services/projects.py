"""Projects. One that is archived keeps its name in the books; saving it again opens it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from orbit.lib.errors import InputError
from tenants.models import ApiKey, Project, ServiceAccount
from tenants.rights import Right
from tenants.schema import values
from tenants.services.issued_keys import revoke
from tenants.services.policies import find_policy
from tenants.services.saved import Actor, Saved, changing, differences, valid
from tenants.services.service_accounts import end_account


def save_project(
    *,
    organization_id: UUID,
    slug: str,
    name: str,
    actor: Actor,
    policy: str | None = None,
    cost_centre: str | None = None,
) -> Saved[Project]:
    """Without `cost_centre`, the project's own stays; "" takes it away."""
    valid("slug", values.slug, slug)
    valid("name", values.title, name)
    centre = {} if cost_centre is None else {"cost_centre": _cost_centre(cost_centre)}
    with changing(organization_id, actor, Right.PROJECTS_WRITE) as change:
        wanted: dict[str, Any] = {"name": name, "policy": find_policy(policy), "archived_at": None} | centre
        project = Project.objects.select_related("policy").filter(slug=slug).first()
        if wanted["policy"] != (project and project.policy):
            change.require(Right.POLICIES_ATTACH)
        created = project is None
        if project is None:
            project = Project.objects.create(organization_id=organization_id, slug=slug, **wanted)
            del wanted["archived_at"]
            change.act("project.create", slug, None, wanted)
            new = wanted
        else:
            new = differences(project, wanted)
            if not new:
                return Saved(project, created=False)
            before = {field: getattr(project, field) for field in new}
            for field, value in new.items():
                setattr(project, field, value)
            project.save(update_fields=list(new))
            change.act("project.update", slug, before, new)
        change.raise_version()
    return Saved(project, created=created, fields=tuple(new))


def _cost_centre(text: str) -> str:
    return valid("cost_centre", values.cost_centre, text) if text else ""


def archive_project(*, organization_id: UUID, slug: str, actor: Actor) -> None:
    """Ends a project: its keys are revoked, its calls stay in the ledger."""
    with changing(organization_id, actor, Right.PROJECTS_WRITE) as change:
        project = Project.objects.filter(slug=slug, archived_at=None).first()
        if project is None:
            raise InputError("project", f"there is no project {slug!r}")
        for account in ServiceAccount.objects.filter(project=project, removed_at=None):
            end_account(change, account, project.slug)
        for key in ApiKey.objects.filter(project=project, revoked_at=None):
            revoke(change, key, project.slug)
        project.archived_at = timezone.now()
        project.save(update_fields=["archived_at"])
        change.act("project.archive", slug, {"archived_at": None}, {"archived_at": project.archived_at})
        change.raise_version()
