"""Who signs in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from allauth.idp.oidc.models import Client as ProviderClient
from allauth.idp.oidc.models import Token
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.paginator import InfinitePaginator

from tenants import lockout, people
from tenants.models import (
    Person,
)

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
