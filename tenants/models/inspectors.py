"""Inspectors outside of the gateway: where each answers, and what it costs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from dlp.external import registry
from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.models.organizations import Organization


class Inspector(models.Model):
    """Asked for what is in texts, where a policy names it. Its credential is sealed here or named by reference, as a
    provider account's. `price_nano` is for a thousand requests or for a gigabyte, as `price_per` says."""

    class PricePer(models.TextChoices):
        THOUSAND_REQUESTS = "thousand_requests", "1,000 requests"
        GIGABYTE = "gigabyte", "gigabyte of text"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="inspectors")
    name = models.SlugField(max_length=63)
    kind = models.CharField(max_length=24, choices=registry.choices)
    base_url = models.CharField(max_length=500)
    options = models.JSONField(default=dict)
    price_nano = models.BigIntegerField(default=0)
    price_per = models.CharField(max_length=24, choices=PricePer, default=PricePer.THOUSAND_REQUESTS)
    credential_ref = models.CharField(max_length=500, blank=True)
    credential_sealed = models.BinaryField(null=True, blank=True, editable=False)
    credential_hint = models.CharField(max_length=24, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Inspector"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="inspector_name"),
            models.CheckConstraint(condition=models.Q(price_nano__gte=0), name="inspector_price"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def needs_credential(self) -> bool:
        return registry.KINDS[self.kind].needs_credential

    @property
    def has_credential(self) -> bool:
        """Sealed here or by reference. What is sealed always has a hint."""
        return bool(self.credential_ref or self.credential_hint)
