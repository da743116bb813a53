"""Terms of a contract price that somebody has proposed, and what became of them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7


class PriceProposal(models.Model):
    """`price_id` is the contract price that it became. Terms are as `quotas.ContractPrice` has them, and never changed."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    provider = models.CharField(max_length=63)
    model = models.CharField(max_length=200)
    account = models.CharField(max_length=63, blank=True)
    rates = models.JSONField(null=True)
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    valid_from = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    source = models.CharField(max_length=120, blank=True)
    author = models.CharField(max_length=254)
    author_id = models.BigIntegerField(null=True)  # the person, whose address may change
    created_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    decided_by = models.CharField(max_length=254, default="", blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="", blank=True)
    price_id = models.BigIntegerField(null=True)

    objects = ScopedManager["PriceProposal"]()

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
