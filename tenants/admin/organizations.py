"""Organizations and who and what is in them."""

from __future__ import annotations

from django.contrib import admin

from orbit.lib.admin import ReadOnlyAdmin
from tenants.admin.base import SuspendingAdmin
from tenants.models import (
    CustomRole,
    Domain,
    IdentityProvider,
    Invitation,
    Membership,
    Organization,
    Project,
)


@admin.register(Organization)
class OrganizationAdmin(SuspendingAdmin):
    list_display = ("name", "slug", "policy", "suspended_at", "deleted_at", "purged_at", "created_at")
    list_select_related = ("policy",)
    list_filter = (
        ("suspended_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
        "requires_mfa",
    )
    search_fields = ("slug", "name")
    readonly_fields = ("id", "shard", "version", "changed_at", "created_at")
    search_help_text = "Part of a slug or a name, or an id"
    change_form_before_template = "admin/tenants/organization/glance.html"


@admin.register(Project)
class ProjectAdmin(SuspendingAdmin):
    list_display = ("slug", "name", "organization", "policy", "suspended_at", "archived_at")
    list_select_related = ("organization", "policy")
    list_filter = (("suspended_at", admin.EmptyFieldListFilter), ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("slug", "name", "organization__slug")


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("person", "organization", "role_name", "origin", "created_at")
    list_select_related = ("person", "organization", "custom_role")
    list_filter = ("role", "origin")
    search_fields = ("person__email", "organization__slug")


@admin.register(CustomRole)
class CustomRoleAdmin(ReadOnlyAdmin):
    list_display = ("name", "organization", "words", "created_at")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__slug")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Never the digest."""

    list_display = ("email", "organization", "role", "invited_by", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("organization",)
    list_filter = (("accepted_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "organization__slug")


@admin.register(IdentityProvider)
class IdentityProviderAdmin(ReadOnlyAdmin):
    """Never the secret."""

    list_display = ("issuer", "organization", "client_id", "passwords", "created_at")
    list_select_related = ("organization",)
    search_fields = ("issuer", "organization__slug")


@admin.register(Domain)
class DomainAdmin(ReadOnlyAdmin):
    list_display = ("name", "organization", "verified_at", "created_at")
    list_select_related = ("organization",)
    list_filter = (("verified_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "organization__slug")
