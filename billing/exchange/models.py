"""What one unit of a currency was worth in another on a day. Of no organization: the same for all."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class ExchangeRate(models.Model):
    """Holds from the beginning of its day (UTC) until the next one there is. Never changed: reports of the past keep their figures."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    base = models.CharField(max_length=3)  # one unit of it
    quote = models.CharField(max_length=3)  # is so many of these
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    source = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["base", "quote", "day"], name="exchange_rate_once"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="exchange_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.day:%F}"
