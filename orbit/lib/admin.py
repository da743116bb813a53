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
    list_per_page = 30  # a row costs the theme three milliseconds
    list_disable_select_all = True  # "all" would be a number that nobody has counted
    actions: Any = None
    id_fields: tuple[
        str, ...
    ] = ()  # what a term that is an id may be the id of; else the row's or its organization's

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        wanted = as_id(search_term)
        if wanted is None or not self.search_fields:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[no-any-return]
        return one_of(queryset, self.id_fields or _own_ids(self.model), wanted), False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LedgerAdmin(ReadOnlyAdmin):
    """Too large to be searched by substring: a term is one of the ids of `id_fields`."""

    id_fields: tuple[str, ...] = ()
    search_fields = ("pk",)  # makes the search box appear; get_search_results decides

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = as_id(term)
        if wanted is not None:
            return one_of(queryset, self.id_fields, wanted), False
        return queryset.none(), False


def _own_ids(model: type[Model]) -> tuple[str, ...]:
    fields = model._meta.concrete_fields  # noqa: SLF001 - Django's own word for it
    return tuple(
        field.attname
        for field in fields
        if field.attname == "organization_id"
        or (field.primary_key and field.get_internal_type() == "UUIDField")
    )


def as_id(term: str) -> UUID | None:
    try:
        return UUID(term.strip())
    except ValueError:
        return None


def one_of(queryset: QuerySet[Any], fields: tuple[str, ...], wanted: UUID) -> QuerySet[Any]:
    found = queryset.none()
    for name in fields:
        found = found | queryset.filter(**{name: wanted})
    return found


def as_json(value: Any) -> SafeString:
    """A JSON value, laid out to be read."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="whitespace-pre-wrap break-words font-mono text-xs">{}</pre>', text)
