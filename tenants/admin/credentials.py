"""Credentials of the management API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from orbit.lib.admin import ReadOnlyAdmin
from tenants import services
from tenants.models import (
    ManagementKey,
    OAuthClient,
    OperatorClient,
    OperatorKey,
)


class RevokingAdmin(ReadOnlyAdmin):
    """Operators' credentials: to look at, and to revoke. The log tells of it, for no ledger could."""

    list_display: tuple[str, ...] = (
        "name",
        "words",
        "revoked_at",
        "last_used_at",
        "created_by",
        "created_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name",)
    readonly_fields: tuple[str, ...] = ("last_used_at", "created_at")
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("tenants.revoke_operatorkey"))

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for row in list(rows):
            self.end(row, request.user.get_username())
        self.message_user(request, "Revoked.", messages.SUCCESS)

    def end(self, row: Any, actor: str) -> None:
        raise NotImplementedError


@admin.register(OperatorKey)
class OperatorKeyAdmin(RevokingAdmin):
    """Never the digest."""

    list_display = ("name", "hint", *RevokingAdmin.list_display[1:])
    readonly_fields = ("hint", *RevokingAdmin.readonly_fields)

    def end(self, row: OperatorKey, actor: str) -> None:
        services.revoke_operator_key(name=row.name, actor=actor)


@admin.register(OperatorClient)
class OperatorClientAdmin(RevokingAdmin):
    """Never the secret, which is in a table of allauth's."""

    def end(self, row: OperatorClient, actor: str) -> None:
        services.revoke_operator_client(client_id=row.pk, actor=actor)


@admin.register(ManagementKey)
class ManagementKeyAdmin(ReadOnlyAdmin):
    """Never the digest."""

    list_display = (
        "name",
        "hint",
        "organization",
        "person",
        "words",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    list_select_related = ("organization", "person")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "hint", "organization__slug")
    readonly_fields = ("hint", "last_used_at", "created_at")


@admin.register(OAuthClient)
class OAuthClientAdmin(ReadOnlyAdmin):
    list_display = ("name", "organization", "words", "revoked_at", "last_used_at", "created_at")
    list_select_related = ("organization",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "organization__slug")
    readonly_fields = ("last_used_at", "created_at")
