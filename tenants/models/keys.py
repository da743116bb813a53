"""Projects, and the keys issued in them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants import rotation
from tenants.models.organizations import Organization, Person
from tenants.models.policies import Policy


class Project(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="projects")
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=120)
    cost_centre = models.CharField(
        max_length=63, blank=True, default="", db_default=""
    )  # who pays, in reports
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_for = models.CharField(max_length=200, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Project"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "slug"], name="project_slug"),
            models.UniqueConstraint(fields=["organization", "id"], name="project_in_organization"),
        ]

    def __str__(self) -> str:
        return self.name


class ServiceAccount(models.Model):
    """A member of a project that is no person. It owns keys, and they end with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="service_accounts")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="service_accounts")
    name = models.SlugField(max_length=63)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager["ServiceAccount"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=models.Q(removed_at=None), name="service_account_name"
            ),
            # what keys refer to, so that a key's service account is one of its own project
            models.UniqueConstraint(
                fields=["organization", "project", "id"], name="service_account_in_project"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """An issued key. Its secret of today is stored as a keyed hash; `hint` is what we still know of it.

    It may be a person's own or a service account's; else it is its project's. `allow` narrows it beside its policies,
    and says only what does: `{}` allows what they allow.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="keys")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="keys")
    name = models.SlugField(max_length=63)
    person = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="keys",
        verbose_name="own key of",
    )
    service_account = models.ForeignKey(
        ServiceAccount, null=True, blank=True, on_delete=models.RESTRICT, related_name="keys"
    )
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    policy = models.ForeignKey(Policy, null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    allow = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()), blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_for = models.CharField(max_length=200, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    rotate_after_days = models.SmallIntegerField(null=True, blank=True)
    rotation_due_at = models.DateTimeField(null=True, blank=True)
    rotation_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    generation = models.BigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["ApiKey"]()

    class Meta:
        verbose_name = "API key"
        permissions: ClassVar = [("revoke_apikey", "Can revoke API keys of every organization")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=models.Q(revoked_at=None), name="usable_key_name"
            ),
            models.CheckConstraint(
                condition=models.Q(person=None) | models.Q(service_account=None), name="key_one_owner"
            ),
            models.UniqueConstraint(fields=["organization", "id"], name="key_in_organization"),
            models.CheckConstraint(
                condition=models.Q(rotate_after_days=None)
                | models.Q(rotate_after_days__range=(1, rotation.MOST_DAYS), rotation_due_at__isnull=False),
                name="key_rotate_after_days",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["rotation_due_at"],
                condition=models.Q(revoked_at=None, rotation_due_at__isnull=False),
                name="rotation_due",
            ),
            models.Index(fields=["hint"], name="key_hint"),
            models.Index(
                fields=["organization"],
                condition=models.Q(suspended_at__isnull=False),
                name="key_suspended",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def owner(self) -> str | None:
        """As files and acts name it: a member's address or a service account's name."""
        if self.person is not None:
            return self.person.email
        return self.service_account.name if self.service_account is not None else None

    @property
    def last_use(self) -> KeyUse | None:
        """None for a key that was never used. Read along with `select_related("use")`."""
        return getattr(self, "use", None)

    @property
    def refused_from(self) -> datetime | None:
        """When the secret of today ends by itself: the key's expiry, or a rotation that nobody made."""
        due = self.rotation_due_at
        return rotation.earliest(self.expires_at, due and due + rotation.GRACE)


class FormerSecret(models.Model):
    """A secret that a rotation replaced. It works until its moment, and is known for good, should it turn up somewhere."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="former_secrets")
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    works_until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["FormerSecret"]()

    def __str__(self) -> str:
        return self.hint

    @property
    def last_use(self) -> FormerSecretUse | None:
        """None for one that no call came with. Read along with `select_related("use")`."""
        return getattr(self, "use", None)


class FormerSecretUse(models.Model):
    """When calls last came with a secret that was replaced, to the minute: whether its overlap can end. Kept as KeyUse is."""

    secret = models.OneToOneField(
        FormerSecret, primary_key=True, db_constraint=False, on_delete=models.CASCADE, related_name="use"
    )
    organization_id = models.UUIDField()
    used_at = models.DateTimeField()

    objects = ScopedManager["FormerSecretUse"]()

    def __str__(self) -> str:
        return f"{self.used_at:%F %H:%M}"


class KeyUse(models.Model):
    """When a key was last used, to the minute, and from where; kept by the ledger's writer.

    No constraint to the key: what the ledger says stands, whatever became of the key meanwhile.
    """

    key = models.OneToOneField(
        ApiKey, primary_key=True, db_constraint=False, on_delete=models.CASCADE, related_name="use"
    )
    organization_id = models.UUIDField()
    used_at = models.DateTimeField()
    address = models.CharField(max_length=64, blank=True)

    objects = ScopedManager["KeyUse"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "-used_at"], name="key_use_latest")]

    def __str__(self) -> str:
        return f"{self.used_at:%F %H:%M}"
