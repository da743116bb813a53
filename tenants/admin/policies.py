"""Policies, their revisions and requests."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from orbit.lib.admin import ReadOnlyAdmin, as_json
from tenants.admin.base import ReadOnlyInline
from tenants.models import (
    Policy,
    PolicyRequest,
    PolicyRevision,
)


class RevisionInline(ReadOnlyInline):
    model = PolicyRevision
    fields = readonly_fields = ("number", "author", "reason", "created_at")
    ordering = ("-number",)


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
