"""What happened: the ledger and what carries events to it. Ids of other apps' objects, no foreign keys."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.clock import rfc3339
from orbit.lib.ids import uuid7


class Event(models.Model):
    """One entry of the ledger, `docs/events.md`. The table is partitioned by retention and by month of `admitted_at`.

    Its key in the database is (event_id, admitted_at) within its class, as a partitioned table demands;
    `event_id` alone is unique by how it is made and because its shard's one writer looks. Absent means unknown, never zero.
    """

    class Kind(models.TextChoices):
        CALL = "call"
        CORRECTION = "correction"
        ADJUSTMENT = "adjustment"
        REFUSAL = "refusal"
        ACT = "act"

    event_id = models.UUIDField(primary_key=True)
    v = models.SmallIntegerField(default=1)
    kind = models.CharField(max_length=10, choices=Kind)
    organization_id = models.UUIDField()
    organization = models.CharField(max_length=63)
    seq = models.BigIntegerField()
    shard = models.SmallIntegerField()
    shard_seq = models.BigIntegerField()
    request_id = models.UUIDField(null=True)
    corrects = models.UUIDField(null=True)
    admitted_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    project_id = models.UUIDField(null=True)
    project = models.CharField(max_length=63, null=True)
    key_id = models.UUIDField(null=True)
    key = models.CharField(max_length=63, null=True)
    account_id = models.UUIDField(null=True)
    account = models.CharField(max_length=63, null=True)
    end_user = models.CharField(max_length=256, null=True)
    surface = models.CharField(max_length=16, null=True)
    endpoint = models.CharField(max_length=63, null=True)
    stream = models.BooleanField(null=True)
    model = models.CharField(max_length=120, null=True)
    upstream_model = models.CharField(max_length=200, null=True)
    status = models.CharField(max_length=20, null=True)
    code = models.CharField(max_length=40, null=True)
    http_status = models.SmallIntegerField(null=True)
    finish_reason = models.CharField(max_length=40, null=True)
    usage_source = models.CharField(max_length=16, null=True)
    input_tokens = models.BigIntegerField(null=True)
    cached_input_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    cost_nano = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, null=True)
    price_version = models.CharField(max_length=80, null=True)
    policy_version = models.CharField(max_length=200, null=True)
    duration_ms = models.IntegerField(null=True)
    first_token_ms = models.IntegerField(null=True)
    count = models.IntegerField(null=True)
    limit = models.CharField(max_length=120, null=True)
    # the long tail: tags, reserved, attempts, dlp, client_ip, user_agent, usage; acts: actor, action, target, …
    detail = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    # its class, in days, fixed when it is written; 0 is kept without limit
    retention = models.SmallIntegerField(default=0)

    objects = ScopedManager["Event"]()

    class Meta:
        managed = False
        db_table = "audit_event"
        ordering: ClassVar = ["-admitted_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class OutboxEntry(models.Model):
    """An act, written in the transaction of the change itself; the ledger's writer takes it from here."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    shard = models.SmallIntegerField()
    event = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager["OutboxEntry"]()

    class Meta:
        verbose_name_plural = "outbox entries"
        indexes: ClassVar = [models.Index(fields=["shard", "id"], name="outbox_by_shard")]

    def __str__(self) -> str:
        return f"outbox {self.pk}"


class ChainHead(models.Model):
    """The last sequence and hash of an organization's chain."""

    organization_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="")

    objects = ScopedManager["ChainHead"]()

    def __str__(self) -> str:
        return f"{self.organization_id} {self.seq}"


class ShardPosition(models.Model):
    """How far the writer has read a shard's stream; committed with what it read."""

    shard = models.SmallIntegerField(primary_key=True)
    stream_id = models.CharField(max_length=40, default="0-0")
    shard_seq = models.BigIntegerField(default=0)
    written_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"shard {self.shard}"


class DeadLetter(models.Model):
    """An entry that the writer could not put into the ledger, with the reason. It stays after it was replayed."""

    id = models.BigAutoField(primary_key=True)
    shard = models.SmallIntegerField()
    stream_id = models.CharField(max_length=40)
    about = models.UUIDField(null=True)  # the organization that the entry names, so far as it can be read
    payload = models.TextField()
    reason = models.TextField()  # of the last try
    created_at = models.DateTimeField(db_default=Now())
    tries = models.IntegerField(db_default=0)  # to replay it
    tried_at = models.DateTimeField(null=True)
    replayed_at = models.DateTimeField(null=True)

    class Meta:
        permissions: ClassVar = [("replay_deadletter", "Can replay dead letters")]

    def __str__(self) -> str:
        return f"dead letter {self.pk}"


class Content(models.Model):
    """What one call sent to its provider, or was answered: encrypted with the organization's data key, which is not here.

    The event has its digest. `size` is of the whole, of which `sealed` holds the beginning where it is `truncated`.
    """

    class Part(models.TextChoices):
        REQUEST = "request"
        ANSWER = "answer"

    class Mode(models.TextChoices):
        REDACTED = "redacted"
        FULL = "full"

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    event_id = models.UUIDField()
    part = models.CharField(max_length=8, choices=Part)
    generation = models.IntegerField()  # of the data key
    sealed = models.BinaryField()
    mode = models.CharField(max_length=8, choices=Mode)
    content_type = models.CharField(max_length=100)
    spoken = models.CharField(
        max_length=80
    )  # kind of account and endpoint, by which a stream can be put together
    size = models.BigIntegerField()
    truncated = models.BooleanField()
    # by whom it can be erased; the event says the same
    key_id = models.UUIDField()
    end_user = models.CharField(max_length=256, null=True)
    admitted_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = ScopedManager["Content"]()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="content_expires"),
            models.Index(fields=["organization_id", "key_id"], name="content_of_key"),
            models.Index(fields=["organization_id", "generation"], name="content_of_generation"),
            models.Index(
                fields=["organization_id", "end_user"],
                condition=models.Q(end_user__isnull=False),
                name="content_of_user",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "event_id", "part"], name="content_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.part} of {self.event_id}"


class ContentErasure(models.Model):
    """That contents of a subject, of calls admitted before a moment, shall be gone: also those still on their way."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    event_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    end_user = models.CharField(max_length=256, null=True)
    until = models.DateTimeField(db_default=Now())

    objects = ScopedManager["ContentErasure"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "until"], name="content_erasure_of")]

    def __str__(self) -> str:
        return f"erasure {self.pk}"


class Checkpoint(models.Model):
    """A copy of a signed checkpoint (`audit/checkpoints`), so that pages need no files. The file is what counts."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    hash = models.CharField(max_length=64)
    body = models.TextField()  # as it was signed
    signature = models.CharField(max_length=128)

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class CheckpointHead(models.Model):
    """How far an organization's ledger had come at a checkpoint in which it had news, and the way up to its root."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    organization_id = models.UUIDField()
    number = models.BigIntegerField()
    seq = models.BigIntegerField()
    head = models.TextField()  # the leaf as it was hashed
    proof = models.JSONField()

    objects = ScopedManager["CheckpointHead"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "seq"], name="checkpoint_by_seq")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "number"], name="checkpoint_once")
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.seq} in checkpoint {self.number}"


class CheckpointKey(models.Model):
    """A public key that checkpoints are signed with, from which on."""

    public = models.CharField(primary_key=True, max_length=64)
    first = models.BigIntegerField()
    since = models.DateTimeField()

    def __str__(self) -> str:
        return self.public


class Incident(models.Model):
    """A time in which the ledger could not follow."""

    class Kind(models.TextChoices):
        BEHIND = "behind", "oldest event too old"
        LENGTH = "length", "stream too long"
        MEMORY = "memory", "store nearly full"
        STORE = "store", "store away"
        DEAD_LETTERS = "dead_letters", "dead letters"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, choices=Kind)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    worst = models.FloatField()  # seconds, entries, percent or letters
    words = models.CharField(max_length=200)  # when it was worst

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(ended_at=None), name="one_open_incident_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} since {self.started_at:%Y-%m-%d %H:%M}"


class Skeleton(models.Model):
    """What is left of an event whose month was dropped: enough for its chain to be followed across the gap."""

    event_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=10)
    admitted_at = models.DateTimeField()
    prev_hash = models.BinaryField()
    hash = models.BinaryField()

    objects = ScopedManager["Skeleton"]()

    class Meta:
        managed = False
        db_table = "audit_skeleton"

    def __str__(self) -> str:
        return f"skeleton {self.event_id}"

    def exported(self) -> dict[str, Any]:
        """As it stands in an export, between its neighbours."""
        return {
            "event_id": str(self.event_id),
            "kind": self.kind,
            "organization_id": str(self.organization_id),
            "seq": self.seq,
            "admitted_at": rfc3339(self.admitted_at),
            "dropped": True,
            "prev_hash": bytes(self.prev_hash).hex(),
            "hash": bytes(self.hash).hex(),
        }


class DroppedMonth(models.Model):
    """That an organization's events of one month and class were dropped when their retention was over."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    month = models.DateField()
    retention = models.SmallIntegerField()
    events = models.BigIntegerField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    dropped_at = models.DateTimeField(db_default=Now())

    objects = ScopedManager["DroppedMonth"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "month"], name="dropped_by_month")]

    def __str__(self) -> str:
        return f"{self.events} events of {self.month:%Y-%m}, kept {self.retention} days"


from audit.exports.models import Export, ExportPart  # noqa: E402, F401
from audit.sinks.models import Sink, SinkChange, SinkCursor, SinkDeadLetter  # noqa: E402, F401 - Django looks for models here
