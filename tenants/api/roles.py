"""Roles: an organization's own are put and deleted, built-in ones are there to be read."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from tenants import services
from tenants.api.endpoint import Endpoint, OrganizationEndpoint
from tenants.api.fields import Strict, Words
from tenants.api.resources import Listing, Putting, Removing
from tenants.models import CustomRole
from tenants.rights import BUILT_IN, MEANINGS, Right


@dataclass(frozen=True, slots=True)
class BuiltIn:
    name: str
    rights: frozenset[Right]


class RoleShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    rights = serializers.SerializerMethodField()
    built_in = serializers.SerializerMethodField()

    def get_rights(self, row: CustomRole | BuiltIn) -> list[str]:
        return rights_shown(row.rights)

    def get_built_in(self, row: CustomRole | BuiltIn) -> bool:
        return isinstance(row, BuiltIn)


class RightShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    meaning = serializers.CharField()


class PermissionsShown(serializers.Serializer[Any]):
    roles = RoleShown(many=True)
    rights = RightShown(many=True)


class BuiltInRoles(Endpoint):
    """The built-in roles, and what each right lets one do. They are the same in every organization."""

    scopes = {"GET": Right.ORGANIZATION_READ}
    shown = PermissionsShown

    def get(self) -> Response:
        roles = [BuiltIn(name, rights) for name, rights in BUILT_IN.items()]
        rights = [{"name": right.value, "meaning": MEANINGS[right]} for right in Right]
        return Response(PermissionsShown({"roles": roles, "rights": rights}).data)


class Roles(Listing, OrganizationEndpoint):
    """The organization's own roles. Built-in ones are at /roles."""

    scopes = {"GET": Right.MEMBERS_READ}
    shown, ordering = RoleShown, "name"

    def rows(self, asked: dict[str, Any]) -> QuerySet[CustomRole]:
        return CustomRole.objects.all()


class RoleBody(Strict):
    rights = Words(help_text="all of them; none that the caller lacks")


class RoleItem(Putting, Removing):
    """One role. Who holds it has its rights from the next request on. Built-in ones can only be read."""

    scopes = {"GET": Right.MEMBERS_READ, "PUT": Right.ROLES_WRITE, "DELETE": Right.ROLES_WRITE}
    shown, body = RoleShown, RoleBody

    def find(self) -> CustomRole | BuiltIn | None:
        name = self.kwargs["role"]
        if name in BUILT_IN:
            return BuiltIn(name, BUILT_IN[name])
        return CustomRole.objects.filter(name=name).first()

    def save(self, wanted: dict[str, Any]) -> bool:
        return services.save_role(**self.where, name=self.kwargs["role"], **wanted).created

    def remove(self) -> None:
        services.delete_role(**self.where, name=self.kwargs["role"])


def rights_shown(rights: Set[Right]) -> list[str]:
    """In the order of the table."""
    return [right.value for right in Right if right in rights]
