"""Sinks, to look at: how far behind, what was refused, who changed what. They are changed in the operator's file."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import admin
from django.utils.safestring import SafeString

from audit.sinks import lag
from audit.sinks.models import Sink, SinkChange, SinkDeadLetter
from orbit.lib.admin import LedgerAdmin, ReadOnlyAdmin, as_json


@admin.register(Sink)
class SinkAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "condition", "behind", "sent", "refused", "missing", "last_error")
    ordering = ("name",)
    search_fields = ("name",)
    sortable_by = ()
    exclude = ("settings",)
    readonly_fields = ("condition", "behind", "refused", "settings_text")

    @admin.display(description="State")
    def condition(self, sink: Sink) -> str:
        return lag.state(sink, datetime.now(UTC))

    @admin.display(description="Behind")
    def behind(self, sink: Sink) -> str:
        found = lag.lag(sink)
        return f"{found.events} events, {found.seconds:g} s" if found.events else "nothing"

    @admin.display(description="Refused")
    def refused(self, sink: Sink) -> int:
        return lag.lag(sink).dead_letters

    @admin.display(description="Settings")
    def settings_text(self, sink: Sink) -> SafeString:
        return as_json(sink.settings)


@admin.register(SinkDeadLetter)
class SinkDeadLetterAdmin(LedgerAdmin):
    list_display = ("id", "sink", "event_id", "reason", "created_at", "replay_asked_at", "replayed_at")
    list_select_related = ("sink",)
    ordering = ("-id",)
    id_fields = ("event_id", "event_organization_id")
    search_help_text = "An event’s or an organization’s id"


@admin.register(SinkChange)
class SinkChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "sink")
    ordering = ("-id",)
    exclude = ("before", "after")
    readonly_fields = ("before_text", "after_text")

    @admin.display(description="Before")
    def before_text(self, change: SinkChange) -> SafeString:
        return as_json(change.before)

    @admin.display(description="After")
    def after_text(self, change: SinkChange) -> SafeString:
        return as_json(change.after)
