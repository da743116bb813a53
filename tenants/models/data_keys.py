"""What an organization's stored contents are encrypted with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.models.organizations import Organization


class DataKey(models.Model):
    """One generation. `sealed` is wrapped by the master key; None: destroyed, and with it all that it encrypted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="data_keys")
    generation = models.PositiveIntegerField()
    sealed = models.BinaryField(null=True, editable=False)
    destroyed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["DataKey"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "generation"], name="data_key_generation"),
            models.CheckConstraint(
                condition=models.Q(sealed__isnull=True) ^ models.Q(destroyed_at__isnull=True),
                name="data_key_destroyed_or_there",
            ),
        ]

    def __str__(self) -> str:
        return f"data key {self.generation}"
