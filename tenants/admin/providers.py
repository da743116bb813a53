"""Provider accounts and the models routed to them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from orbit.lib.admin import ReadOnlyAdmin
from tenants.admin.base import ReadOnlyInline
from tenants.models import (
    Inspector,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    ProviderAccount,
)


class TargetInline(ReadOnlyInline):
    model = ModelTarget
    fields = ("position", "account", "model", "weight")
    ordering = ("position",)


class FallbackInline(ReadOnlyInline):
    model = ModelFallback
    fk_name = "alias"
    fields = ("position", "fallback")
    ordering = ("position",)


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnlyAdmin):
    """Never the credential, sealed or not."""

    list_display = ("name", "organization", "kind", "base_url", "credential", "created_at")
    list_select_related = ("organization",)
    list_filter = ("kind",)
    search_fields = ("name", "organization__slug", "base_url")
    fields = ("organization", "name", "kind", "base_url", "prices_as", "credential", "created_at")
    readonly_fields = ("credential", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("credential_sealed", "usage_credential_sealed")

    @admin.display(description="Credential")
    def credential(self, account: ProviderAccount) -> str:
        if account.credential_ref:
            return account.credential_ref
        # A sealed credential always leaves a hint, if only an ellipsis; the secret itself is not read here.
        return f"sealed, {account.credential_hint}" if account.credential_hint else "none"


@admin.register(Inspector)
class InspectorAdmin(ReadOnlyAdmin):
    """Never the credential, sealed or not."""

    list_display = ("name", "organization", "kind", "base_url", "credential", "created_at")
    list_select_related = ("organization",)
    list_filter = ("kind",)
    search_fields = ("name", "organization__slug", "base_url")
    fields = (
        "organization",
        "name",
        "kind",
        "base_url",
        "options",
        "price_nano",
        "price_per",
        "credential",
        "created_at",
    )
    readonly_fields = ("credential", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("credential_sealed")

    @admin.display(description="Credential")
    def credential(self, inspector: Inspector) -> str:
        if inspector.credential_ref:
            return inspector.credential_ref
        return f"sealed, {inspector.credential_hint}" if inspector.credential_hint else "none"


@admin.register(ModelAlias)
class ModelAliasAdmin(ReadOnlyAdmin):
    list_display = ("alias", "organization", "created_at")
    list_select_related = ("organization",)
    search_fields = ("alias", "organization__slug")
    inlines = (TargetInline, FallbackInline)
