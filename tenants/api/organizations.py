"""/me, and organizations: read, changed, suspended, deleted and restored."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from orbit.lib import access
from tenants import services
from tenants.api.endpoint import Endpoint
from tenants.api.fields import Flag, Strict, Text, Whole
from tenants.api.paging import Paged
from tenants.api.parsing import checked_body
from tenants.api.resources import ActingOn, Changing, Listing, Removing
from tenants.models import Organization
from tenants.rights import OperatorRight, Right


class MeShown(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="as the ledger names this credential")
    organization = serializers.CharField(allow_null=True, help_text="null: every one, as an operator")
    scopes = serializers.ListField(child=serializers.CharField(), help_text="what the credential opens now")


class Me(Endpoint):
    """What the credential is and opens."""

    scopes = {"GET": None}
    shown = MeShown

    def get(self) -> Response:
        caller = self.caller
        slug: str | None = None
        if caller.organization_id is not None:
            with access.scope(organization_id=caller.organization_id):
                slug = Organization.objects.get().slug
        return Response({"name": caller.name, "organization": slug, "scopes": sorted(caller.scopes)})


class OrganizationShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.SerializerMethodField()
    time_zone = serializers.CharField()
    currency = serializers.CharField()
    week_starts = serializers.ChoiceField(Organization.WeekStart.choices)
    month_starts_on = serializers.IntegerField()
    year_starts_in = serializers.IntegerField()
    policy = serializers.CharField(source="policy.name", allow_null=True, default=None)
    requires_mfa = serializers.BooleanField(help_text="whether its pages open only to a second factor")
    has_ceiling = serializers.SerializerMethodField(help_text="whether the operator's policy is over its own")
    suspended_at = serializers.DateTimeField(allow_null=True)
    suspended_for = serializers.CharField()
    deleted_at = serializers.DateTimeField(allow_null=True)
    purge_at = serializers.DateTimeField(allow_null=True, help_text="until then it can be restored")
    created_at = serializers.DateTimeField()

    def get_state(self, row: Organization) -> str:
        if row.deleted_at is not None:
            return "deleted"
        return "suspended" if row.suspended_at is not None else "active"

    def get_has_ceiling(self, row: Organization) -> bool:
        return row.ceiling is not None


class OrganizationsAsked(Paged):
    state = serializers.ChoiceField(["active", "suspended", "deleted"], required=False)
    slug = Text(required=False, max_length=63)


class NewOrganization(Strict):
    slug = Text(max_length=63, help_text="its name in addresses, for good")
    name = Text(max_length=120, required=False)
    time_zone = Text(max_length=64, required=False)
    currency = Text(max_length=3, required=False)
    week_starts = serializers.ChoiceField(Organization.WeekStart.choices, required=False)
    month_starts_on = Whole(min_value=1, max_value=28, required=False)
    year_starts_in = Whole(min_value=1, max_value=12, required=False)


class Organizations(Listing):
    """Organizations: all of them for an operator, else the credential's own. A new one is an operator's to make."""

    scopes = {"GET": Right.ORGANIZATION_READ, "POST": OperatorRight.ORGANIZATIONS_CREATE}
    shown, created, body, status = OrganizationShown, None, NewOrganization, 201
    filters = OrganizationsAsked
    ordering = "id"

    def get(self) -> Response:
        with access.operator():
            return super().get()

    def rows(self, asked: dict[str, Any]) -> QuerySet[Organization]:
        caller = self.caller
        rows = Organization.objects.select_related("policy").filter(purged_at=None)
        if caller.organization_id is not None:
            rows = rows.filter(pk=caller.organization_id)
        if "slug" in asked:
            rows = rows.filter(slug=asked["slug"])
        match asked.get("state"):
            case "deleted":
                rows = rows.exclude(deleted_at=None)
            case "suspended":
                rows = rows.filter(deleted_at=None).exclude(suspended_at=None)
            case "active":
                rows = rows.filter(deleted_at=None, suspended_at=None)
        return rows

    def post(self) -> Response:
        wanted = checked_body(NewOrganization, self.request)
        made = services.create_organization(actor=self.caller.name, **wanted)
        with access.operator():
            row = Organization.objects.select_related("policy").get(pk=made.pk)
            return Response(OrganizationShown(row).data, status=201)


class ChangedOrganization(NewOrganization):
    slug = None  # type: ignore[assignment]
    policy = Text(max_length=63, required=False, allow_null=True, help_text="by name; null takes it away")
    requires_mfa = Flag(required=False)


class OrganizationItem(Changing, Removing):
    """One organization. Deleted ones refuse every call at once, and can be restored until `purge_at`."""

    scopes = {
        "GET": Right.ORGANIZATION_READ,
        "PATCH": Right.ORGANIZATION_WRITE,
        "DELETE": Right.ORGANIZATION_DELETE,
    }
    shown, body = OrganizationShown, ChangedOrganization

    def find(self) -> Organization:
        return Organization.objects.select_related("policy").get()

    def change(self, wanted: dict[str, Any]) -> None:
        services.update_organization(**self.where, **wanted)

    def remove(self) -> None:
        services.delete_organization(**self.where)


class _OrganizationAction(ActingOn):
    shown = OrganizationShown

    def find(self) -> Organization:
        return Organization.objects.select_related("policy").get()


class RestoreOrganization(_OrganizationAction):
    """Undoes a deletion."""

    scopes = {"POST": Right.ORGANIZATION_DELETE}

    def act(self, wanted: dict[str, Any]) -> None:
        services.restore_organization(**self.where)


class Suspending(Strict):
    reason = Text(max_length=200, required=False, default="", allow_blank=True)


class SuspendOrganization(_OrganizationAction):
    """Refuses every call of the organization from the next one on."""

    scopes = {"POST": OperatorRight.ORGANIZATIONS_SUSPEND}
    body = Suspending

    def act(self, wanted: dict[str, Any]) -> None:
        services.suspend_organization(
            organization_id=self.organization.pk, reason=wanted["reason"], actor=self.caller.name
        )


class ResumeOrganization(_OrganizationAction):
    """Ends a suspension."""

    scopes = {"POST": OperatorRight.ORGANIZATIONS_SUSPEND}

    def act(self, wanted: dict[str, Any]) -> None:
        services.resume_organization(organization_id=self.organization.pk, actor=self.caller.name)
