"""Projects: named, put as they shall be, suspended and archived."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from tenants import services
from tenants.api.endpoint import OrganizationEndpoint
from tenants.api.fields import Flag, Strict, Text
from tenants.api.organizations import Suspending
from tenants.api.paging import Paged
from tenants.api.resources import ActingOn, Listing, Putting, Removing
from tenants.models import Project
from tenants.rights import Right


class ProjectShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    cost_centre = serializers.CharField(help_text="who pays, in reports; empty: nobody is named")
    policy = serializers.CharField(source="policy.name", allow_null=True, default=None)
    suspended_at = serializers.DateTimeField(allow_null=True)
    suspended_for = serializers.CharField()
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ProjectsAsked(Paged):
    archived = Flag(required=False, help_text="default: both")


class ProjectBody(Strict):
    name = Text(max_length=120)
    cost_centre = Text(max_length=63, allow_blank=True, default="", help_text="who pays, in reports")
    policy = Text(max_length=63, allow_null=True, default=None, help_text="by name; null: none of its own")


class Projects(Listing, OrganizationEndpoint):
    """The organization's projects."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown, filters, ordering = ProjectShown, ProjectsAsked, "slug"

    def rows(self, asked: dict[str, Any]) -> QuerySet[Project]:
        rows = _projects()
        return rows.filter(archived_at__isnull=not asked["archived"]) if "archived" in asked else rows


class ProjectItem(Putting, Removing):
    """One project. DELETE archives it: its keys end, its books stay, and PUT opens it again."""

    scopes = {
        "GET": Right.ORGANIZATION_READ,
        "PUT": Right.PROJECTS_WRITE,
        "DELETE": Right.PROJECTS_WRITE,
    }
    shown, body = ProjectShown, ProjectBody

    def find(self) -> Project | None:
        return _projects().filter(slug=self.kwargs["project"]).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        return services.save_project(**self.where, slug=self.kwargs["project"], **wanted).created

    def remove(self) -> None:
        services.archive_project(**self.where, slug=self.kwargs["project"])


class _ProjectAction(ActingOn):
    scopes = {"POST": Right.PROJECTS_WRITE}
    shown = ProjectShown

    def find(self) -> Project | None:
        return _projects().filter(slug=self.kwargs["project"]).first()


class SuspendProject(_ProjectAction):
    """Refuses every call of the project's keys from the next one on."""

    body = Suspending

    def act(self, wanted: dict[str, Any]) -> None:
        services.suspend_project(**self.where, slug=self.kwargs["project"], reason=wanted["reason"])


class ResumeProject(_ProjectAction):
    """Ends a suspension."""

    def act(self, wanted: dict[str, Any]) -> None:
        services.resume_project(**self.where, slug=self.kwargs["project"])


def _projects() -> QuerySet[Project]:
    return Project.objects.select_related("policy")
