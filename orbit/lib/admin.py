"""What the operator's admin pages have in common."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that the operator's database role may only read, whoever is signed in.

    Tables may be large, so nothing here counts rows.
    """

    show_full_result_count = False
    paginator = InfinitePaginator
    list_per_page = 50
    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LedgerAdmin(ReadOnlyAdmin):
    """Too large to be searched by substring: a term is one of the ids of `id_fields`, or the exact `slug_field`."""

    id_fields: tuple[str, ...] = ()
    slug_field = ""
    search_fields = ("pk",)  # makes the search box appear; get_search_results decides

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.none()
        try:
            wanted = UUID(term)
        except ValueError:
            return (queryset.filter(**{self.slug_field: term}) if self.slug_field else found), False
        for name in self.id_fields:
            found = found | queryset.filter(**{name: wanted})
        return found, False


def as_json(value: Any) -> SafeString:
    """A JSON value, laid out to be read."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="whitespace-pre-wrap break-words font-mono text-xs">{}</pre>', text)
