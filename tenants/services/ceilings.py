"""The operator's policy over an organization's own. It narrows and never opens; no member can change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import PolicyRevision
from tenants.schema import policy_document
from tenants.services.saved import changing


def of_new(slug: str) -> dict[str, Any] | None:
    """What a new organization gets, by ORBIT_CEILING. The organization that holds the policy gets none."""
    named = settings.ORBIT_CEILING
    if not named or named.partition("/")[0] == slug:
        return None
    return named_policy(named)


def named_policy(path: str) -> dict[str, Any]:
    """What the policy ORGANIZATION/NAME says at present."""
    organization, _, name = path.partition("/")
    with access.operator():
        revisions = PolicyRevision.objects.filter(
            organization__slug=organization, policy__name=name, number=F("policy__revision")
        )
        document: dict[str, Any] | None = revisions.values_list("document", flat=True).first()
    if document is None:
        raise InputError("ceiling", f"there is no policy {path!r}", "write ORGANIZATION/POLICY")
    return document


def set_ceiling(*, organization_id: UUID, document: Mapping[str, Any] | None, actor: str) -> bool:
    """Whether that is new. Calls are under it from the next one on; None takes the ceiling away."""
    wanted = policy_document(document) if document is not None else None
    with changing(organization_id, actor) as change:
        organization = change.organization
        before = organization.ceiling
        if before == wanted:
            return False
        organization.ceiling = wanted
        organization.ceiling_revision += 1
        organization.save(update_fields=["ceiling", "ceiling_revision"])
        change.act("ceiling.set", organization.slug, {"ceiling": before}, {"ceiling": wanted})
        change.raise_version()
    return True
