"""Service accounts of projects."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from orbit.lib.errors import InputError
from tenants import services
from tenants.api.fields import Strict, Text
from tenants.api.paging import Paged
from tenants.api.resources import Creating, Listing, Removing
from tenants.models import ServiceAccount
from tenants.rights import Right


class ServiceAccountShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    project = serializers.CharField(source="project.slug")
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class ServiceAccountsAsked(Paged):
    project = Text(required=False, max_length=63)
    name = Text(required=False, max_length=63)


class NewServiceAccount(Strict):
    project = Text(max_length=63)
    name = Text(max_length=63)


class ServiceAccounts(Listing, Creating):
    """Members of projects that are no people, the newest first; POST makes one."""

    scopes = {"GET": Right.ORGANIZATION_READ, "POST": Right.PROJECTS_WRITE}
    shown, body, filters = ServiceAccountShown, NewServiceAccount, ServiceAccountsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[ServiceAccount]:
        rows = _accounts()
        if "project" in asked:
            rows = rows.filter(project__slug=asked["project"])
        return rows.filter(name=asked["name"]) if "name" in asked else rows

    def create(self, wanted: dict[str, Any]) -> ServiceAccount:
        saved = services.create_service_account(**self.where, **wanted)
        if not saved.created:
            name = wanted["name"]
            raise InputError("name", f"the project has a service account {name!r} already", "choose another")
        return saved.row


class ServiceAccountItem(Removing):
    """One service account. DELETE revokes its keys."""

    scopes = {"GET": Right.ORGANIZATION_READ, "DELETE": Right.PROJECTS_WRITE}
    shown = ServiceAccountShown

    def find(self) -> ServiceAccount | None:
        return _accounts().filter(pk=self.kwargs["account"]).first()

    def remove(self) -> None:
        row = _accounts().get(pk=self.kwargs["account"])
        services.remove_service_account(**self.where, project=row.project.slug, name=row.name)


def _accounts() -> QuerySet[ServiceAccount]:
    return ServiceAccount.objects.select_related("project").filter(removed_at=None)
