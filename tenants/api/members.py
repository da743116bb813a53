"""Members: who belongs to an organization, in which role. Joining goes by invitation."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers

from tenants import services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import Changing, Listing, Removing
from tenants.api.roles import rights_shown
from tenants.models import Membership
from tenants.rights import Right


class MemberShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.CharField(source="person.email")
    name = serializers.CharField(source="person.name")
    role = serializers.CharField(source="role_name")
    rights = serializers.SerializerMethodField()
    is_active = serializers.BooleanField(
        source="person.is_active", help_text="whether they may sign in at all"
    )
    created_at = serializers.DateTimeField(help_text="when they joined")

    def get_rights(self, row: Membership) -> list[str]:
        return rights_shown(row.rights)


class MembersAsked(Paged):
    role = Text(required=False, max_length=63)
    email = Text(required=False, max_length=254)


class Members(Listing, OrganizationEndpoint):
    """The organization's members, the newest first."""

    scopes = {"GET": Right.MEMBERS_READ}
    shown, filters = MemberShown, MembersAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[Membership]:
        rows = _members()
        if "role" in asked:
            rows = rows.filter(Q(role=asked["role"]) | Q(custom_role__name=asked["role"]))
        return rows.filter(person__email=asked["email"].lower()) if "email" in asked else rows


class ChangedMember(Strict):
    role = Text(max_length=63, help_text="built in, or one of the organization's own")


class MemberItem(Changing, Removing):
    """One member. Giving or taking a role takes every right that is given or taken; the last owner stays."""

    scopes = {
        "GET": Right.MEMBERS_READ,
        "PATCH": Right.MEMBERS_WRITE,
        "DELETE": Right.MEMBERS_WRITE,
    }
    shown, body = MemberShown, ChangedMember

    def find(self) -> Membership | None:
        return _members().filter(pk=self.kwargs["member"]).first()

    def change(self, wanted: dict[str, Any]) -> None:
        services.change_role(**self.where, member_id=self.kwargs["member"], role=wanted["role"])

    def remove(self) -> None:
        services.remove_member(**self.where, member_id=self.kwargs["member"])


def _members() -> QuerySet[Membership]:
    return Membership.objects.select_related("person", "custom_role")
