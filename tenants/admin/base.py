"""What the tenants' pages of the admin share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from orbit.lib.admin import ReadOnlyAdmin
from orbit.lib.errors import InputError
from tenants import suspending


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
