"""Which keys an organization has, and what there is to say of each. Never the digest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants.models import ApiKey, Project
from tenants.rotation import GRACE
from tenants.schema import values

AT_ONCE = 500  # keys that are read together
STATES = ("usable", "due", "overdue", "expired", "suspended", "revoked")
_PATTERN = re.compile(r"[A-Za-z0-9_*-]{1,63}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Keys that are not revoked; all that is given must hold of each. `name` may have `*` for any text.

    A key that was never used counts as used when it was issued. `due` ones are to be rotated.
    """

    project: str | None = None
    created_by: str | None = None
    name: str | None = None
    unused_since: datetime | None = None
    due: bool = False

    @property
    def everything(self) -> bool:
        return self == Selection()


def selected(selection: Selection) -> QuerySet[ApiKey]:
    """Of the organization in scope. InputError for a project that there is not, or a name that is no pattern."""
    wanted = Q(revoked_at=None, project__archived_at=None)
    if selection.project is not None:
        known = Project.objects.filter(archived_at=None).values_list("slug", flat=True)
        if selection.project not in known:
            raise InputError(
                "project",
                f"there is no project {selection.project!r}",
                values.nearest(selection.project, known),
            )
        wanted &= Q(project__slug=selection.project)
    if selection.created_by is not None:
        wanted &= Q(created_by=selection.created_by)
    if selection.name is not None:
        wanted &= Q(name__regex=_regex(selection.name))
    if selection.unused_since is not None:
        since = selection.unused_since
        wanted &= Q(created_at__lt=since) & (Q(use=None) | Q(use__used_at__lt=since))
    if selection.due:
        wanted &= Q(rotation_due_at__lte=timezone.now())
    rows = ApiKey.objects.filter(wanted).defer("digest")
    return rows.select_related("project", "policy", "use", "person", "service_account").order_by(
        "project__slug", "name"
    )


def list_keys(organization_id: UUID, selection: Selection, **page: Any) -> list[dict[str, Any]]:
    """What `listed_keys` gives, taken at once: of a page, or of an organization with few keys."""
    with listed_keys(organization_id, selection, **page) as keys:
        return list(keys)


@contextmanager
def listed_keys(
    organization_id: UUID, selection: Selection, *, after: str | None = None, limit: int | None = None
) -> Iterator[Iterator[dict[str, Any]]]:
    """Keys as the command and programs get them, by project and name; those `after` PROJECT/NAME, which may be gone.

    They are read some at a time, out of a cursor of the database: an organization may have a million. They are to be
    taken within the `with`, which is the organization's scope.
    """
    with access.scope(organization_id=organization_id):
        rows = selected(selection)
        if after is not None:
            project, _, name = after.partition("/")
            rows = rows.filter(Q(project__slug__gt=project) | Q(project__slug=project, name__gt=name))
        rows = rows.prefetch_related("former_secrets__use")[:limit]
        yield (described(key) for key in rows.iterator(chunk_size=AT_ONCE))


def described(key: ApiKey) -> dict[str, Any]:
    """Of a key whose project, policy, use and owner were read along."""
    use, now = key.last_use, timezone.now()
    return {
        "project": key.project.slug,
        "name": key.name,
        "hint": key.hint,
        "state": state(key),
        "policy": key.policy.name if key.policy else None,
        "allow": key.allow,
        "owner": key.owner,
        "created_by": key.created_by,
        "created_at": rfc3339(key.created_at),
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
        "rotated_at": _moment(key.rotated_at),
        "rotate_after_days": key.rotate_after_days,
        "rotation_due_at": _moment(key.rotation_due_at),
        "refused_from": _moment(key.refused_from),
        "former_secrets": [
            {
                "hint": one.hint,
                "works_until": rfc3339(one.works_until),
                "last_used_at": _moment(one.last_use.used_at if one.last_use else None),
            }
            for one in key.former_secrets.all()
            if one.works_until > now
        ],
        "last_used_at": _moment(use.used_at if use else None),
        "last_address": (use.address or None) if use else None,
    }


def state(key: ApiKey) -> str:
    if key.revoked_at is not None or key.project.archived_at is not None:
        return "revoked"
    now, due = timezone.now(), key.rotation_due_at
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    if key.suspended_at is not None or key.project.suspended_at is not None:
        return "suspended"
    if due is None or due > now:
        return "usable"
    return "overdue" if due + GRACE <= now else "due"


def _moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None


def _regex(pattern: str) -> str:
    if not _PATTERN.fullmatch(pattern):
        raise InputError("name", "must be a key's name, in which * stands for any text", "such as ci-*")
    return "^" + pattern.replace("*", ".*") + "$"
