"""Prices, paddings and rollups, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from orbit.lib.admin import LedgerAdmin, ReadOnlyAdmin, as_json
from quotas.models import ContractPrice, DirtyBucket, ModelFacts, Price, TokenPadding, UsageBucket


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    list_display = ("provider", "model", "currency", "valid_from", "source")
    list_filter = ("currency",)
    search_fields = ("provider", "model")
    ordering = ("provider", "model", "-valid_from")
    exclude = ("rates",)
    readonly_fields = ("rates_text",)

    @admin.display(description="Rates, nano-units per million tokens")
    def rates_text(self, price: Price) -> SafeString:
        return as_json(price.rates)


@admin.register(ModelFacts)
class ModelFactsAdmin(ReadOnlyAdmin):
    """Looked up when a model is routed, and by `manage.py models refresh`."""

    list_display = ("provider", "model", "context_window", "max_output", "deprecated", "retires_on")
    search_fields = ("provider", "model")
    ordering = ("provider", "model")


@admin.register(TokenPadding)
class TokenPaddingAdmin(ReadOnlyAdmin):
    """Set by `manage.py estimates set`, so that workers hear of it."""

    list_display = ("provider", "model_prefix", "factor", "source", "valid_from")
    search_fields = ("provider", "model_prefix")
    ordering = ("provider", "model_prefix", "-valid_from")


@admin.register(ContractPrice)
class ContractPriceAdmin(ReadOnlyAdmin):
    list_display = (
        "organization",
        "provider",
        "model",
        "account",
        "discount_percent",
        "valid_from",
        "valid_until",
        "withdrawn_at",
    )
    list_select_related = ("organization",)
    search_fields = ("organization__slug", "model")
    ordering = ("-id",)
    exclude = ("rates",)
    readonly_fields = ("rates_text",)

    @admin.display(description="Rates, nano-units per million tokens")
    def rates_text(self, price: ContractPrice) -> SafeString:
        return as_json(price.rates)


@admin.register(UsageBucket)
class UsageBucketAdmin(LedgerAdmin):
    list_display = (
        "starts_at",
        "organization_id",
        "model",
        "requests",
        "refused",
        "failed",
        "input_tokens",
        "output_tokens",
        "cost_nano",
        "currency",
        "estimated_requests",
    )
    ordering = ("-id",)
    sortable_by = ()
    id_fields = ("organization_id", "project_id", "key_id", "account_id")
    search_help_text = "An id of an organization, a project, a key or an account"


@admin.register(DirtyBucket)
class DirtyBucketAdmin(LedgerAdmin):
    list_display = ("starts_at", "organization_id", "reason")
    ordering = ("-id",)
    id_fields = ("organization_id",)
    search_help_text = "An organization's id"
