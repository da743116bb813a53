"""The ledger, to look at. Nobody edits it, not even a superuser."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.models import (
    ChainHead,
    DeadLetter,
    DroppedMonth,
    Event,
    Incident,
    OutboxEntry,
    ShardPosition,
    Skeleton,
)
from audit.replay import replay
from orbit.lib.admin import LedgerAdmin, ReadOnlyAdmin, as_json
from orbit.lib.money import amount

_STATUSES = ("settled", "provider_failed", "client_gone", "lease_expired")


class StatusFilter(admin.SimpleListFilter):
    """Its choices are fixed, because asking the ledger for them would read all of it."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status.replace("_", " ")) for status in _STATUSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(LedgerAdmin):
    list_display = (
        "admitted_at",
        "kind",
        "organization",
        "seq",
        "key_path",
        "what",
        "status",
        "tokens",
        "cost",
    )
    list_filter = ("kind", StatusFilter)
    # Event ids begin with their time, and unlike admitted_at they are indexed across organizations.
    ordering = ("-event_id",)
    sortable_by = ()
    id_fields = ("event_id", "request_id")
    search_help_text = "An event id or a request id"
    exclude = ("detail",)
    readonly_fields = ("detail_text",)

    @admin.display(description="Key")
    def key_path(self, event: Event) -> str | None:
        return f"{event.project}/{event.key}" if event.key else event.project

    @admin.display(description="Model or act")
    def what(self, event: Event) -> str | None:
        return event.model or event.detail.get("action")

    @admin.display(description="Tokens in / out")
    def tokens(self, event: Event) -> str | None:
        if event.input_tokens is None and event.output_tokens is None:
            return None
        return " / ".join(
            "unknown" if n is None else str(n) for n in (event.input_tokens, event.output_tokens)
        )

    @admin.display(description="Cost")
    def cost(self, event: Event) -> str | None:
        return None if event.cost_nano is None else f"{amount(event.cost_nano)} {event.currency}"

    @admin.display(description="Detail")
    def detail_text(self, event: Event) -> SafeString:
        return as_json(event.detail)


@admin.register(OutboxEntry)
class OutboxEntryAdmin(LedgerAdmin):
    list_display = ("id", "organization_id", "shard", "created_at")
    ordering = ("-id",)
    id_fields = ("organization_id",)
    search_help_text = "An organization's id"
    exclude = ("event",)
    readonly_fields = ("event_text",)

    @admin.display(description="Event")
    def event_text(self, entry: OutboxEntry) -> SafeString:
        return as_json(entry.event)


@admin.register(ChainHead)
class ChainHeadAdmin(LedgerAdmin):
    list_display = ("organization_id", "seq", "hash")
    ordering = ("organization_id",)
    id_fields = ("organization_id",)
    search_help_text = "An organization's id"


@admin.register(ShardPosition)
class ShardPositionAdmin(ReadOnlyAdmin):
    list_display = ("shard", "stream_id", "shard_seq", "written_at")
    ordering = ("shard",)
    list_per_page = 64


@admin.register(Skeleton)
class SkeletonAdmin(LedgerAdmin):
    list_display = ("event_id", "organization_id", "seq", "kind", "admitted_at")
    fields = readonly_fields = ("event_id", "organization_id", "seq", "kind", "admitted_at")
    ordering = ("-event_id",)
    sortable_by = ()
    id_fields = ("event_id", "organization_id")
    search_help_text = "An event's or an organization's id"


@admin.register(DroppedMonth)
class DroppedMonthAdmin(LedgerAdmin):
    list_display = ("month", "retention", "organization_id", "events", "first_seq", "last_seq", "dropped_at")
    ordering = ("-id",)
    id_fields = ("organization_id",)
    search_help_text = "An organization's id"


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "ended_at", "kind", "worst", "words")
    list_filter = ("kind", ("ended_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """The payload is an event that was refused: it may hold anything, so the list shows the reason alone."""

    list_display = ("id", "about", "reason", "created_at", "tries", "tried_at", "replayed_at")
    list_filter = (("replayed_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    actions = ("replay",)
    search_fields = ("pk",)
    search_help_text = "An organization's id"
    id_fields = ("about",)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("audit.replay_deadletter"))

    @admin.action(description="Give to the ledger again", permissions=["replay"])
    def replay(self, request: HttpRequest, rows: QuerySet[DeadLetter]) -> None:
        written = 0
        for letter in rows.filter(replayed_at=None).order_by("pk"):
            refused = replay(letter.pk, actor=request.user.get_username())
            self.log_change(request, letter, "replayed" if refused is None else "replayed in vain")
            written += refused is None
            if refused is not None:
                self.message_user(request, f"Dead letter {letter.pk} stays: {refused}", messages.WARNING)
        self.message_user(request, f"{written} written to the ledger.", messages.SUCCESS)


from audit.sinks import admin as sinks_admin  # noqa: E402, F401 - Django looks for admin pages here
