"""Organizations and what belongs to them: to look at. Changes go through `manage.py apply` and the pages."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from orbit.lib.admin import ReadOnlyAdmin, as_json
from tenants.models import (
    ApiKey,
    Membership,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    Organization,
    Person,
    Policy,
    PolicyRequest,
    PolicyRevision,
    Project,
    ProviderAccount,
)


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    extra = 0
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MembershipInline(ReadOnlyInline):
    model = Membership
    fields = readonly_fields = ("person", "role", "created_at")


class RevisionInline(ReadOnlyInline):
    model = PolicyRevision
    fields = readonly_fields = ("number", "author", "reason", "created_at")
    ordering = ("-number",)


class TargetInline(ReadOnlyInline):
    model = ModelTarget
    fields = ("position", "account", "model", "weight")
    ordering = ("position",)


class FallbackInline(ReadOnlyInline):
    model = ModelFallback
    fk_name = "alias"
    fields = ("position", "fallback")
    ordering = ("position",)


@admin.register(Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    list_display = ("name", "slug", "policy", "time_zone", "currency", "suspended_at", "created_at")
    list_select_related = ("policy",)
    list_filter = (("suspended_at", admin.EmptyFieldListFilter),)
    search_fields = ("slug", "name")
    readonly_fields = ("id", "shard", "version", "changed_at", "created_at")
    inlines = (MembershipInline,)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("person", "organization", "role", "created_at")
    list_select_related = ("person", "organization")
    list_filter = ("role",)
    search_fields = ("person__email", "organization__slug")


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "organization", "policy", "suspended_at", "archived_at")
    list_select_related = ("organization", "policy")
    list_filter = (("suspended_at", admin.EmptyFieldListFilter), ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("slug", "name", "organization__slug")


@admin.register(Policy)
class PolicyAdmin(ReadOnlyAdmin):
    list_display = ("name", "organization", "revision", "created_at")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__slug")
    inlines = (RevisionInline,)


@admin.register(PolicyRequest)
class PolicyRequestAdmin(ReadOnlyAdmin):
    list_display = ("policy", "limit", "amount", "model", "until", "state", "requested_by", "decided_by")
    list_select_related = ("policy", "organization")
    list_filter = ("state",)
    search_fields = ("policy__name", "organization__slug", "requested_by")


@admin.register(PolicyRevision)
class PolicyRevisionAdmin(ReadOnlyAdmin):
    list_display = ("policy", "number", "organization", "author", "reason", "created_at")
    list_select_related = ("policy", "organization")
    search_fields = ("policy__name", "organization__slug", "author")
    fields = ("organization", "policy", "number", "author", "reason", "created_at", "document_text")
    readonly_fields = ("document_text",)

    @admin.display(description="Document")
    def document_text(self, revision: PolicyRevision) -> SafeString:
        return as_json(revision.document)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Never the digest: with the pepper it would let somebody test guesses."""

    list_display = (
        "name",
        "hint",
        "project",
        "organization",
        "policy",
        "expires_at",
        "revoked_at",
        "created_at",
    )
    list_select_related = ("project", "organization", "policy")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "hint", "project__slug", "organization__slug")
    fields = (
        "organization",
        "project",
        "name",
        "hint",
        "policy",
        "expires_at",
        "revoked_at",
        "generation",
        "created_by",
        "created_at",
        "changed_at",
    )
    readonly_fields = ("hint", "generation", "created_at", "changed_at")


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
        return super().get_queryset(request).defer("credential_sealed")

    @admin.display(description="Credential")
    def credential(self, account: ProviderAccount) -> str:
        if account.credential_ref:
            return account.credential_ref
        # A sealed credential always leaves a hint, if only an ellipsis; the secret itself is not read here.
        return f"sealed, {account.credential_hint}" if account.credential_hint else "none"


@admin.register(ModelAlias)
class ModelAliasAdmin(ReadOnlyAdmin):
    list_display = ("alias", "organization", "created_at")
    list_select_related = ("organization",)
    search_fields = ("alias", "organization__slug")
    inlines = (TargetInline, FallbackInline)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(Person)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Who signs in. A person is deactivated, never deleted: the ledger names them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    show_full_result_count = False
    list_per_page = 50
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)
    _RIGHTS: ClassVar = ("is_staff", "is_superuser", "groups", "user_permissions")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Nobody gives a right away that a superuser has not given: else staff could make themselves one."""
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *self._RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Whoever may set a superuser's password is one.
        above = (
            isinstance(obj, Person) and (obj.is_staff or obj.is_superuser) and not request.user.is_superuser
        )
        return not above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
