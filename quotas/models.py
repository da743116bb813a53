"""How much: prices of models, how their providers count, and the rollups of what was used."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager


class Price(models.Model):
    """What a provider asks for a model from a day on. Never changed; a new price is a new row.

    `rates` holds integer nano-units per million tokens: `{"input", "cached_input", "cache_write", "output",
    "tiers": [{"above_input_tokens", …the same…}]}`; a tier prices all tokens of a call above its threshold.
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
        return f"{self.source}#{self.pk}"


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


class UsageBucket(models.Model):
    """Sums of a quarter of an hour (UTC), kept by the ledger's writer in its own transaction."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    starts_at = models.DateTimeField()
    project_id = models.UUIDField()
    key_id = models.UUIDField()
    account_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    requests = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    estimated_requests = models.BigIntegerField(default=0)

    objects = ScopedManager["UsageBucket"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "organization_id",
                    "starts_at",
                    "project_id",
                    "key_id",
                    "account_id",
                    "model",
                    "currency",
                ],
                name="usage_bucket",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %H:%M}"


class DirtyBucket(models.Model):
    """A quarter of an hour whose sums must be made again: `manage.py rollups rebuild`."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    starts_at = models.DateTimeField()
    reason = models.TextField()

    objects = ScopedManager["DirtyBucket"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "starts_at"], name="dirty_bucket"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %H:%M}"
