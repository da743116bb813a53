"""Invitations by mail: made here, sent by who asked, accepted once by whoever proves the invited address."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.utils import timezone

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import keys
from tenants.models import Invitation, Membership, Person
from tenants.rights import Right
from tenants.services.roles import find_role, rights_of
from tenants.services.saved import Actor, Change, changing

OPEN_FOR = timedelta(days=7)
MOST_OPEN = 200  # of one organization: an open door for mail to strangers otherwise


def invite(*, organization_id: UUID, email: str, role: str, actor: Actor) -> tuple[Invitation, str]:
    """The invitation and the token for its link, which cannot be had again. An open one for the address ends."""
    email = _address(email)
    with changing(organization_id, actor, Right.MEMBERS_INVITE) as change:
        change.require_all(rights_of(*find_role(role)))
        if Membership.objects.filter(person__email=email).exists():
            raise InputError("email", f"{email} is a member already")
        revoke_invitations(change, Invitation.objects.filter(email=email))
        if open_invitations().count() >= MOST_OPEN:
            raise InputError("email", f"{MOST_OPEN} invitations are open", "wait, or take some back")
        token = secrets.token_urlsafe(32)
        invitation = Invitation.objects.create(
            organization_id=organization_id,
            email=email,
            role=role,
            digest=_digest(token),
            invited_by=change.actor[:254],
            inviter=change.member.person if change.member is not None else None,
            expires_at=timezone.now() + OPEN_FOR,
        )
        change.act("member.invite", email, None, {"role": role, "expires_at": invitation.expires_at})
    return invitation, token


def open_invitations() -> QuerySet[Invitation]:
    """Of the organization in scope."""
    rows = Invitation.objects.filter(accepted_at=None, revoked_at=None, organization__deleted_at=None)
    return rows.filter(expires_at__gt=timezone.now())


def find_invitation(*, organization_id: UUID, token: str) -> Invitation | None:
    """The open invitation that a link names. Used, revoked, expired and unknown ones are alike."""
    with access.scope(organization_id=organization_id):
        return open_invitations().select_related("organization").filter(digest=_digest(token)).first()


def proves(person: Person, invitation: Invitation) -> bool:
    """Whether the invited address is one that the person has confirmed."""
    addresses = EmailAddress.objects.filter(user=person, verified=True)
    return bool(addresses.filter(email__iexact=invitation.email).exists())


def accept_invitation(*, organization_id: UUID, token: str, person: Person) -> Membership:
    with changing(organization_id, person.email) as change:
        invitation = open_invitations().filter(digest=_digest(token)).first()
        if invitation is None:
            raise InputError("invitation", "it is no longer open", "ask for a new one")
        if not proves(person, invitation):
            raise InputError("invitation", f"it is for {invitation.email}", "sign in with that address")
        if Membership.objects.filter(person=person).exists():
            raise InputError("invitation", "you are a member already")
        built_in, custom = find_role(invitation.role)
        member = Membership.objects.create(
            organization_id=organization_id, person=person, role=built_in, custom_role=custom
        )
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        change.act("member.join", person.email, None, {"role": invitation.role, "invited": invitation.email})
    return member


def revoke_invitation(*, organization_id: UUID, invitation_id: UUID, actor: Actor) -> None:
    """Its link is dead from now on. One that is no longer open stays as it is."""
    with changing(organization_id, actor, Right.MEMBERS_INVITE) as change:
        revoke_invitations(change, Invitation.objects.filter(pk=invitation_id))


def revoke_invitations(change: Change, which: QuerySet[Invitation]) -> None:
    """Within a change that is under way."""
    now = timezone.now()
    for invitation in which.filter(accepted_at=None, revoked_at=None):
        invitation.revoked_at = now
        invitation.save(update_fields=["revoked_at"])
        change.act("member.uninvite", invitation.email, {"role": invitation.role})


def _address(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InputError("email", "is no e-mail address") from None
    return email


def _digest(token: str) -> bytes:
    """Keyed, as those of issued keys: who reads the table cannot even tell whether a token is right."""
    return keys.digest(token, settings.ORBIT_KEY_PEPPER)
