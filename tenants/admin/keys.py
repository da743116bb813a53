"""Issued keys and service accounts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orbit.lib.admin import ReadOnlyAdmin
from tenants import key_pages
from tenants.admin.base import ReadOnlyInline, SuspendingAdmin
from tenants.key_search import found_keys
from tenants.models import (
    ApiKey,
    FormerSecret,
    ServiceAccount,
)


class FormerSecretInline(ReadOnlyInline):
    """Never the digest, as of the key's own."""

    model = FormerSecret
    fields = readonly_fields = ("hint", "works_until", "created_at")
    ordering = ("-created_at",)
    show_change_link = False


@admin.register(ServiceAccount)
class ServiceAccountAdmin(ReadOnlyAdmin):
    list_display = ("name", "project", "organization", "created_at", "removed_at")
    list_select_related = ("project", "organization")
    list_filter = (("removed_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "project__slug", "organization__slug")


@admin.register(ApiKey)
class ApiKeyAdmin(SuspendingAdmin):
    """Never the digest: with the pepper it would let somebody test guesses."""

    list_display = (
        "name",
        "hint_in_one",
        "project",
        "organization",
        "owner",
        "policy",
        "expires_at",
        "suspended_at",
        "revoked_at",
        "last_used",
        "created_at",
    )
    list_select_related = ("project", "organization", "policy", "person", "service_account", "use")
    list_filter = (
        ("person", admin.EmptyFieldListFilter),
        ("service_account", admin.EmptyFieldListFilter),
        ("suspended_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
    )
    sortable_by = ()  # there may be millions
    search_fields = ("name",)  # makes the search box appear; get_search_results decides
    search_help_text = "Name, hint, ORGANIZATION/PROJECT/KEY, address or id"
    list_before_template = "admin/tenants/apikey/find_link.html"
    actions = ("suspend", "resume", "revoke")
    fields = (
        "organization",
        "project",
        "name",
        "person",
        "service_account",
        "hint",
        "policy",
        "allow",
        "expires_at",
        "suspended_at",
        "suspended_for",
        "revoked_at",
        "rotate_after_days",
        "rotated_at",
        "rotation_due_at",
        "generation",
        "last_used",
        "created_by",
        "created_at",
        "changed_at",
    )
    readonly_fields = ("hint", "generation", "last_used", "created_at", "changed_at")
    inlines = (FormerSecretInline,)

    def get_urls(self) -> list[Any]:
        find = self.admin_site.admin_view(key_pages.find)
        return [path("find/", find, {"site": self}, name="tenants_apikey_find"), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ApiKey], search_term: str
    ) -> tuple[QuerySet[ApiKey], bool]:
        return found_keys(queryset, search_term), False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("tenants.revoke_apikey"))

    @admin.action(description="Revoke…", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> HttpResponse | None:
        return key_pages.revoke(self, request, rows)

    @admin.display(description="Hint")
    def hint_in_one(self, key: ApiKey) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', key.hint)

    @admin.display(description="Last used")
    def last_used(self, key: ApiKey) -> str:
        use = key.last_use
        return f"{use.used_at:%Y-%m-%d %H:%M} UTC {use.address}".strip() if use else "never"
