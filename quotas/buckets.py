"""Tables of rollups: sums of the ledger, written by its writer in the same transaction. `quotas.rollups` fills them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from orbit.lib.access import ScopedManager


class Sums(models.Model):
    """What every rollup counts. `durations` and `first_tokens` are histograms, `quotas.histogram`."""

    requests = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    estimated_requests = models.BigIntegerField(default=0)
    unpriced_requests = models.BigIntegerField(default=0, db_default=0)
    durations = models.DecimalField(max_digits=1000, decimal_places=0, default=0, db_default=0)
    first_tokens = models.DecimalField(max_digits=1000, decimal_places=0, default=0, db_default=0)

    class Meta:
        abstract = True


class ObjectSums(Sums):
    """By all that a call is charged to."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    starts_at = models.DateTimeField()
    project_id = models.UUIDField(
        null=True
    )  # of no project and key are adjustments of what no key is known for
    key_id = models.UUIDField(null=True)
    account_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)

    class Meta:
        abstract = True


_OBJECTS = ["organization_id", "starts_at", "project_id", "key_id", "account_id", "model", "currency"]


class UsageBucket(ObjectSums):
    """Sums of a quarter of an hour (UTC)."""

    objects = ScopedManager["UsageBucket"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_OBJECTS, name="usage_bucket", nulls_distinct=False),
        ]
        indexes: ClassVar = [
            models.Index(fields=["project_id", "starts_at"], name="usage_of_project"),
            models.Index(fields=["key_id", "starts_at"], name="usage_of_key"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %H:%M}"


class UsageDay(ObjectSums):
    """The same of a day (UTC), for spans of many days."""

    objects = ScopedManager["UsageDay"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_OBJECTS, name="usage_day", nulls_distinct=False),
        ]
        indexes: ClassVar = [
            models.Index(fields=["project_id", "starts_at"], name="usage_day_of_project"),
            models.Index(fields=["key_id", "starts_at"], name="usage_day_of_key"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F}"


class UsageTotal(Sums):
    """Sums of an organization as a whole in a quarter of an hour (UTC): one row, however many keys it has."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    starts_at = models.DateTimeField()
    currency = models.CharField(max_length=3)

    objects = ScopedManager["UsageTotal"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "starts_at", "currency"], name="usage_total_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %H:%M}"


class UsageFacet(Sums):
    """Sums of a quarter of an hour (UTC) by one thing that calls say of themselves: `quotas.facets`."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    starts_at = models.DateTimeField()
    project_id = models.UUIDField()
    facet = models.CharField(max_length=10)
    value = models.CharField(max_length=256)
    currency = models.CharField(max_length=3)

    objects = ScopedManager["UsageFacet"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "facet", "starts_at", "project_id", "value", "currency"],
                name="usage_facet_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facet} {self.starts_at:%F %H:%M}"


class FacetValue(models.Model):
    """A value that has sums of its own on a day (UTC). There are only so many; the rest share one."""

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    day = models.DateField()
    facet = models.CharField(max_length=10)
    value = models.CharField(max_length=256)

    objects = ScopedManager["FacetValue"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "day", "facet", "value"], name="facet_value_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facet} {self.day}"


class FindingSums(models.Model):
    """How often a type was found in calls, by direction and what was done; `quotas.findings.rollup`.

    `project_id` null: all projects together; `kind` and `direction` empty: all types and directions together. What people
    said to be false alarms is of no project, direction and action.
    """

    id = models.BigAutoField(primary_key=True)
    organization_id = models.UUIDField()
    starts_at = models.DateTimeField()
    project_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=256)
    direction = models.CharField(max_length=10)
    action = models.CharField(max_length=10)
    shadow = models.BooleanField()
    findings = models.BigIntegerField(default=0, db_default=0)
    false_positives = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


_FOUND_BY = ["organization_id", "project_id", "starts_at"]
_FINDING = ["organization_id", "starts_at", "project_id", "kind", "direction", "action", "shadow"]


class FindingBucket(FindingSums):
    """Of a quarter of an hour (UTC)."""

    objects = ScopedManager["FindingBucket"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_FINDING, name="finding_bucket", nulls_distinct=False),
        ]
        indexes: ClassVar = [
            models.Index(fields=_FOUND_BY, name="findings_by_type", condition=~models.Q(kind="")),
            models.Index(fields=_FOUND_BY, name="findings_together", condition=models.Q(kind="")),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %H:%M}"


class FindingDay(FindingSums):
    """Of a day (UTC)."""

    objects = ScopedManager["FindingDay"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=_FINDING, name="finding_day", nulls_distinct=False),
        ]
        indexes: ClassVar = [
            models.Index(fields=_FOUND_BY, name="finding_days_by_type", condition=~models.Q(kind="")),
            models.Index(fields=_FOUND_BY, name="finding_days_together", condition=models.Q(kind="")),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F}"


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
