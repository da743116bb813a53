"""Organizations and what belongs to them: to look at, and to suspend. Changes go through `manage.py apply` and the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from allauth.idp.oidc.models import Client as ProviderClient
from allauth.idp.oidc.models import Token
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import ActionForm, AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextInputWidget

from orbit.lib.admin import ReadOnlyAdmin, as_json
from orbit.lib.errors import InputError
from tenants import key_pages, lockout, people, services, suspending
from tenants.key_search import found_keys
from tenants.models import (
    ApiKey,
    CustomRole,
    Domain,
    FormerSecret,
    IdentityProvider,
    Invitation,
    ManagementKey,
    Membership,
    ModelAlias,
    ModelFallback,
    ModelTarget,
    OAuthClient,
    OperatorClient,
    OperatorKey,
    Organization,
    Person,
    Policy,
    PolicyRequest,
    PolicyRevision,
    Project,
    ProviderAccount,
    ServiceAccount,
)


class ReasonForm(ActionForm):  # type: ignore[misc]
    reason = forms.CharField(
        required=False,
        max_length=200,
        label="",
        widget=UnfoldAdminTextInputWidget({"placeholder": "Reason", "aria-label": "Reason"}),
    )


class SuspendingAdmin(ReadOnlyAdmin):
    """Rows are only read here; what the actions do goes through the services, with an act for each row."""

    actions: Any = ("suspend", "resume")
    action_form = ReasonForm

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("tenants.suspend_organization"))

    @admin.action(description="Suspend", permissions=["suspend"])
    def suspend(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Nothing was suspended: say the reason.", messages.ERROR)
            return
        self._each(request, rows, "suspended", partial(suspending.suspend, reason=reason))

    @admin.action(description="Resume", permissions=["suspend"])
    def resume(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._each(request, rows, "resumed", suspending.resume)

    def _each(self, request: HttpRequest, rows: QuerySet[Any], word: str, do: Callable[..., bool]) -> None:
        done, refused = 0, []
        for row in list(rows):
            try:
                done += do(row, actor=request.user.get_username())
            except InputError as error:  # revoked or archived meanwhile
                refused.append(f"{row}: {error.message}")
        self.message_user(request, f"{done} {word}.", messages.SUCCESS)
        for reason in refused:
            self.message_user(request, reason, messages.WARNING)


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    extra = 0
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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


class FormerSecretInline(ReadOnlyInline):
    """Never the digest, as of the key's own."""

    model = FormerSecret
    fields = readonly_fields = ("hint", "works_until", "created_at")
    ordering = ("-created_at",)
    show_change_link = False


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


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Never the digest."""

    list_display = ("email", "organization", "role", "invited_by", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("organization",)
    list_filter = (("accepted_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "organization__slug")


@admin.register(Project)
class ProjectAdmin(SuspendingAdmin):
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


# allauth's own pages would make clients that nobody issued, and show tokens' digests.
admin.site.unregister([ProviderClient, Token])
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Whoever writes the permissions of a group that they are in has them all: that is for superusers."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Person)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """Who signs in. A person is deactivated, never deleted: the ledger names them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", ("approved_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "name")
    show_full_result_count = False
    paginator = InfinitePaginator
    list_disable_select_all = True
    list_per_page = 30
    change_form_before_template = "admin/tenants/person/glance.html"
    readonly_fields = ("is_active", "last_login", "date_joined", "approved_at", "approved_by")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined", "approved_at", "approved_by")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)
    actions = ("approve", "deactivate", "activate", "end_sessions", "lift_lockout")
    _RIGHTS: ClassVar = ("is_staff", "is_superuser", "groups", "user_permissions")

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, rows: QuerySet[Person]) -> None:
        self._each(request, rows, "approved", partial(people.approve, actor=request.user.get_username()))

    @admin.action(description="Deactivate: ends sessions, own keys, invitations", permissions=["change"])
    def deactivate(self, request: HttpRequest, rows: QuerySet[Person]) -> None:
        self._each(
            request, rows, "deactivated", partial(people.deactivate, actor=request.user.get_username())
        )

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, rows: QuerySet[Person]) -> None:
        self._each(request, rows, "activated", partial(people.activate, actor=request.user.get_username()))

    @admin.action(description="End all sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, rows: QuerySet[Person]) -> None:
        self._each(request, rows, "signed out everywhere", people.end_sessions)

    @admin.action(description="Lift a lock-out after failed sign-ins", permissions=["change"])
    def lift_lockout(self, request: HttpRequest, rows: QuerySet[Person]) -> None:
        self._each(request, rows, "let try again", lockout.lift)

    def _each(
        self, request: HttpRequest, rows: QuerySet[Person], word: str, do: Callable[[Person], bool | None]
    ) -> None:
        """Of those whom the operator may change. A service that answers False had nothing to do."""
        done = 0
        for person in rows:
            if self.has_change_permission(request, person) and do(person) is not False:
                self.log_change(request, person, word)
                done += 1
        self.message_user(request, f"{done} {word}.", messages.SUCCESS if done else messages.WARNING)

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
