"""What providers bill, to look at."""

from __future__ import annotations

from django.contrib import admin

from billing.models import BilledRow, BillException, BillSource, Comparison, Run
from orbit.lib.admin import ReadOnlyAdmin


@admin.register(BillSource)
class BillSourceAdmin(ReadOnlyAdmin):
    """Set by the management API."""

    list_display = ("account", "organization_id", "enabled", "lag_hours", "changed_at")
    list_select_related = ("account",)
    ordering = ("-changed_at",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = (
        "account",
        "organization_id",
        "connector",
        "since",
        "until",
        "state",
        "percent",
        "created_at",
    )
    list_filter = ("state", "connector")
    search_fields = ("account", "organization_id")
    ordering = ("-id",)


@admin.register(BilledRow)
class BilledRowAdmin(ReadOnlyAdmin):
    list_display = ("day", "kind", "model", "key", "amount", "pulled_at", "replaced_by")
    list_filter = ("kind",)
    search_fields = ("organization_id", "account_id")
    ordering = ("-id",)


@admin.register(Comparison)
class ComparisonAdmin(ReadOnlyAdmin):
    list_display = ("day", "account", "model", "ours_nano", "theirs_nano", "unexplained_nano", "final")
    search_fields = ("organization_id", "account")
    ordering = ("-id",)


@admin.register(BillException)
class BillExceptionAdmin(ReadOnlyAdmin):
    list_display = ("day", "account", "model", "cause", "money_nano", "state", "owner")
    list_filter = ("state", "cause")
    search_fields = ("organization_id", "account")
    ordering = ("-id",)
