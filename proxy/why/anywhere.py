"""The same questions of an operator, who need not know whose a request or a key is."""

from __future__ import annotations

from uuid import UUID

from orbit.lib import access
from orbit.lib.errors import InputError
from proxy.context import Principal
from proxy.snapshot import load_organization, make_principal, record_of
from proxy.why.finding import told, whose
from proxy.why.told import Told
from tenants.models import ApiKey, Organization


def told_anywhere(request_id: UUID, slug: str = "") -> tuple[Organization, Told]:
    """With whose it is. Without a slug that is looked for. InputError names request_id or organization; RedisError as `told`."""
    organization = _called(slug) if slug else whose(request_id)
    if organization is None:
        raise InputError(
            "request_id",
            "no call and no noted refusal has it.",
            "Single refusals are kept for a day. Name the organization, too, to hear what was counted around that minute.",
        )
    with access.scope(organization_id=organization.pk):
        return organization, told(organization, request_id)


def principal_anywhere(path: str) -> tuple[Organization, Principal]:
    """The key ORGANIZATION/PROJECT/NAME that works now, else the last that was called so. InputError names key."""
    parts = path.split("/")
    if len(parts) != 3:
        raise InputError("key", f"{path!r} is no key.", "Write ORGANIZATION/PROJECT/NAME.")
    with access.operator():
        named = ApiKey.objects.select_related("organization", "project").filter(
            organization__slug=parts[0], project__slug=parts[1], name=parts[2]
        )
        key = named.filter(revoked_at=None).first() or named.order_by("created_at").last()
    if key is None:
        raise InputError("key", f"there is no key {path!r}.")
    return key.organization, make_principal(record_of(key), load_organization(key.organization_id))


def _called(slug: str) -> Organization:
    with access.operator():
        organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise InputError("organization", f"there is no organization {slug!r}.")
    return organization
