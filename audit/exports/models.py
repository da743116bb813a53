"""Files of the ledger that are made in the background, and their content, piece by piece."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7


class Export(models.Model):
    """One file. Its pieces are rows, so that any machine can make it and any other hand it out.

    `place` is the sequence up to which pieces are made; `first` and `last`, set at the beginning, are how far it goes.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Format(models.TextChoices):
        JSONL = "jsonl"
        CSV = "csv"
        PARQUET = "parquet"

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    format = models.CharField(max_length=8, choices=Format)
    asked = models.JSONField(default=dict)  # a Selection
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    asked_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    told_at = models.DateTimeField(db_default=Now())  # when somebody last worked at it
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    first = models.BigIntegerField(null=True)
    last = models.BigIntegerField(null=True)
    place = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    parts = models.IntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    problem = models.CharField(max_length=300, default="", blank=True)

    objects = ScopedManager["Export"]()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-created_at"], name="export_newest"),
            models.Index(fields=["expires_at"], name="export_expires"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "id"], name="export_in_organization")
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def percent(self) -> int:
        """How much of the ledger is gone through, not how large the file is."""
        if self.state == self.State.DONE:
            return 100
        if self.first is None or self.last is None:
            return 0
        return max(0, min(99, 100 * (self.place - self.first + 1) // max(1, self.last - self.first + 1)))


class ExportPart(models.Model):
    """A piece, as it is handed out. `facts` are what the end of the file must know of it."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    export = models.ForeignKey(Export, models.CASCADE, related_name="pieces")
    number = models.IntegerField()
    content = models.BinaryField()
    facts = models.JSONField(default=dict)

    objects = ScopedManager["ExportPart"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["export", "number"], name="export_part_once")
        ]

    def __str__(self) -> str:
        return f"piece {self.number} of {self.export_id}"
