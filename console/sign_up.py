"""Who may sign up, by ORBIT_SIGN_UP. An invitation that was opened in this session is as good as a domain."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from tenants.models import Invitation
from tenants.services import find_invitation

_OPENED = "invitation"  # in the session: where somebody goes on who signs up first


def remember(request: HttpRequest, organization_id: UUID, token: str) -> None:
    request.session[_OPENED] = [str(organization_id), token]


def forget(request: HttpRequest) -> tuple[UUID, str] | None:
    """Organization and token of the invitation that the session remembered till now."""
    found = request.session.pop(_OPENED, None)
    return (UUID(found[0]), found[1]) if found else None


def invitation(request: HttpRequest) -> Invitation | None:
    """The one that was opened in this session, while it is open."""
    found = request.session.get(_OPENED)
    return find_invitation(organization_id=UUID(found[0]), token=found[1]) if found else None


def is_invited(request: HttpRequest, email: str) -> bool:
    """Whether the invitation is for this address: then somebody has vouched for it."""
    found = invitation(request)
    return found is not None and found.email == email.lower()


def check_address(request: HttpRequest, email: str) -> None:
    """ValidationError when nobody may sign up with this address here."""
    if is_invited(request, email):
        return
    if settings.ORBIT_SIGN_UP == "invitation":
        raise ValidationError("Use the address that was invited.")
    domain = email.rpartition("@")[2].lower()
    if settings.ORBIT_SIGN_UP == "domains" and domain not in settings.ORBIT_SIGN_UP_DOMAINS:
        raise ValidationError("Addresses of this domain are not taken here. Ask for an invitation.")
