"""The management API's endpoints of what is mailed."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.members import NotSent, invite_by_mail
from tenants import services
from tenants.api.fields import Strict, Text
from tenants.api.paging import Paged
from tenants.api.problems import ProblemError
from tenants.api.resources import ActingOn, Creating, Listing
from tenants.models import Invitation
from tenants.rights import Right

STATES = ("open", "accepted", "revoked", "expired")


class InvitationShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    role = serializers.CharField()
    state = serializers.SerializerMethodField()
    invited_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(STATES))
    def get_state(self, row: Invitation) -> str:
        if row.accepted_at is not None:
            return "accepted"
        if row.revoked_at is not None:
            return "revoked"
        return "open" if row.expires_at > timezone.now() else "expired"


class InvitationsAsked(Paged):
    state = serializers.ChoiceField(STATES, required=False)


class NewInvitation(Strict):
    email = Text(max_length=254)
    role = Text(max_length=63, help_text="one whose rights the caller has all")


class Invitations(Listing, Creating):
    """Invitations, the newest first; POST mails one. Its link is in the mail and nowhere else."""

    scopes = {"GET": Right.MEMBERS_READ, "POST": Right.MEMBERS_INVITE}
    shown, body, filters = InvitationShown, NewInvitation, InvitationsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Invitation]:
        rows, open_now = Invitation.objects.defer("digest"), Q(accepted_at=None, revoked_at=None)
        match asked.get("state"):
            case "open":
                return rows.filter(open_now, expires_at__gt=timezone.now())
            case "expired":
                return rows.filter(open_now, expires_at__lte=timezone.now())
            case "accepted":
                return rows.exclude(accepted_at=None)
            case "revoked":
                return rows.exclude(revoked_at=None)
        return rows

    def create(self, wanted: dict[str, Any]) -> Invitation:
        try:
            return invite_by_mail(**self.where, **wanted)
        except NotSent:
            raise ProblemError(
                "unavailable", "The mail could not be sent, so nobody was invited. Try again later."
            ) from None


class RevokeInvitation(ActingOn):
    """Takes an invitation back: its link is dead. One that is no longer open stays as it is."""

    scopes = {"POST": Right.MEMBERS_INVITE}
    shown = InvitationShown

    def find(self) -> Invitation | None:
        return Invitation.objects.defer("digest").filter(pk=self.kwargs["invitation"]).first()

    def act(self, wanted: dict[str, Any]) -> None:
        services.revoke_invitation(**self.where, invitation_id=self.kwargs["invitation"])
