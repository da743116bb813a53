"""How much: prices of models, how their providers count, and the rollups of what was used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from quotas import rates
from quotas.buckets import (
    DirtyBucket,
    FacetValue,
    FindingBucket,
    FindingDay,
    UsageBucket,
    UsageDay,
    UsageFacet,
    UsageTotal,
)
from tenants.models import Organization

__all__ = [
    "ContractPrice",
    "DirtyBucket",
    "FacetValue",
    "FindingBucket",
    "FindingDay",
    "ModelFacts",
    "Price",
    "TokenPadding",
    "UsageBucket",
    "UsageDay",
    "UsageFacet",
    "UsageTotal",
]

ALWAYS = datetime.min.replace(tzinfo=UTC)


class Price(models.Model):
    """What a provider asks for a model from a day on. Never changed; a new price is a new row.

    `rates` is a document of rates, see `quotas.rates`.
    """

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="USD")
    rates = models.JSONField()
    valid_from = models.DateTimeField()
    source = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "model", "valid_from", "source"], name="price_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def version(self) -> str:
        """What an event stores of the price it was charged at."""
        return f"{self.source[:24]}#{self.pk}"


class ModelFacts(models.Model):
    """What is known of a provider's model, as it was looked up last: `quotas.catalogue`. The same for everybody."""

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    context_window = models.BigIntegerField(null=True)
    max_output = models.BigIntegerField(null=True)
    inputs = models.JSONField(default=list)
    outputs = models.JSONField(default=list)
    deprecated = models.CharField(max_length=200, null=True)  # null: nobody says so
    retires_on = models.DateField(null=True)
    source = models.CharField(max_length=300)
    seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "model"], name="model_facts_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class ContractPriceManager(ScopedManager["ContractPrice"]):
    def live(self) -> models.QuerySet[ContractPrice]:
        """Those that stand now, whether they are in force yet or not."""
        return self.filter(withdrawn_at=None).order_by("pk")

    def standing_at(self, moment: datetime) -> models.QuerySet[ContractPrice]:
        """Those that stood at a time in the past."""
        withdrawn_later = Q(withdrawn_at=None) | Q(withdrawn_at__gt=moment)
        return self.filter(withdrawn_later, created_at__lte=moment).order_by("pk")


class ContractPrice(models.Model):
    """What an organization agreed with a provider: rates of its own, or a discount on the book's.

    Never changed but for being withdrawn: new terms are a new row, because events name the row that they were
    charged at. For the same reason the account is held by its name, which outlives it. `model` may end in `*`.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    account = models.CharField(max_length=63, blank=True)
    rates = models.JSONField(null=True)
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    valid_from = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    source = models.CharField(max_length=120, blank=True)
    author = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)

    objects = ContractPriceManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "provider", "model", "account", "valid_from"],
                condition=Q(withdrawn_at__isnull=True),
                name="live_contract_price",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(rates__isnull=True) ^ Q(discount_percent__isnull=True),
                name="contract_price_one_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def version(self) -> str:
        """What an event stores of it, beside the book's."""
        return f"contract#{self.pk}"

    def covers(self, provider: str, model: str, account: str) -> bool:
        if provider != self.provider or self.account not in ("", account):
            return False
        return model.startswith(self.model[:-1]) if self.model.endswith("*") else model == self.model

    def in_force(self, moment: datetime) -> bool:
        return (self.valid_from or ALWAYS) <= moment and (
            self.valid_until is None or moment < self.valid_until
        )

    @property
    def precedence(self) -> tuple[Any, ...]:
        """The highest binds: of one account before all, of one model before many, the later agreed."""
        return (
            self.account != "",
            not self.model.endswith("*"),
            len(self.model),
            self.valid_from or ALWAYS,
            self.pk,
        )

    def document(self, listed: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The whole document of rates, given the book's. None when a discount has nothing to be taken from."""
        if self.rates is None:
            return (
                None
                if listed is None
                else rates.scaled(listed, 1 - Decimal(self.discount_percent or 0) / 100)
            )
        if self.rates.get("free") or listed is None:
            return dict(self.rates)
        inherited = {name: listed[name] for name in ("units", "services") if name in listed}
        return {**inherited, **self.rates}


class TokenPadding(models.Model):
    """Tokens that a provider counts for each of ours, measured, from a moment on. Never changed; a new one is a new row.

    `model_prefix` is the beginning of a plain model name (`quotas.families.plain_name`); the longest wins.
    """

    id = models.BigAutoField(primary_key=True)
    provider = models.CharField(max_length=63)
    model_prefix = models.CharField(max_length=200)
    factor = models.DecimalField(max_digits=4, decimal_places=3)
    source = models.CharField(max_length=120)
    valid_from = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "model_prefix", "valid_from"], name="padding_once"),
            models.CheckConstraint(condition=models.Q(factor__range=("0.5", "5")), name="padding_factor"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model_prefix}"
