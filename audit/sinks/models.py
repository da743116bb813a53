"""What the database keeps of sinks: how far each has come, what it refused, and who changed it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Sink(models.Model):
    """A sink that the operator's file names, or named once. Its place outlives its removal and its name."""

    id = models.AutoField(primary_key=True)  # the second half of an advisory lock
    name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=20)
    settings = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    removed_at = models.DateTimeField(null=True)
    sent = models.BigIntegerField(default=0)
    passed_over = models.BigIntegerField(default=0)
    missing = models.BigIntegerField(default=0)
    last_sent_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    last_error = models.CharField(max_length=300, default="")
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class SinkCursor(models.Model):
    """Up to which event of a shard a sink has acknowledged everything."""

    sink = models.ForeignKey(Sink, models.CASCADE)
    shard = models.SmallIntegerField()
    shard_seq = models.BigIntegerField()
    moved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sink", "shard"], name="one_cursor_per_shard")
        ]

    def __str__(self) -> str:
        return f"shard {self.shard} of sink {self.sink_id}"


class SinkDeadLetter(models.Model):
    """An event that a sink refused for good. The event itself stays in the ledger."""

    id = models.BigAutoField(primary_key=True)
    sink = models.ForeignKey(Sink, models.CASCADE)
    event_id = models.UUIDField()
    event_organization_id = models.UUIDField()
    shard = models.SmallIntegerField()
    shard_seq = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    replay_asked_at = models.DateTimeField(null=True)
    replayed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "sink's dead letter"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sink", "event_id"], name="one_letter_per_event")
        ]

    def __str__(self) -> str:
        return f"{self.event_id} for sink {self.sink_id}"


class SinkChange(models.Model):
    """Who changed which sink. Entries are added, never edited."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    sink = models.CharField(max_length=63)
    action = models.CharField(max_length=20)
    actor = models.CharField(max_length=120)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        verbose_name = "change of a sink"
        verbose_name_plural = "changes of sinks"

    def __str__(self) -> str:
        return f"{self.action} {self.sink}"
