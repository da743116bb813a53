"""Organizations, the people in them and in which roles."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.rights import BUILT_IN, Right, known


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Person:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in. Staff operate the installation; the rest act through memberships."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Null while somebody waits for an operator; they may sign in, and see that they wait.
    approved_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    approved_by = models.CharField(max_length=254, blank=True)
    # Raised to end all sessions that were begun before.
    session_generation = models.IntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django ends a session as soon as this is no longer what it was when the session began."""
        hashed = f"{self.session_generation}:{self.password}"
        return salted_hmac("orbit.person.session", hashed, secret=secret, algorithm="sha256").hexdigest()


class Installation(models.Model):
    """The one row of facts that may never change under running counters."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    shards = models.SmallIntegerField(default=64)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]


class Organization(models.Model):
    class Currency(models.TextChoices):
        USD = "USD"

    class WeekStart(models.TextChoices):
        MONDAY = "monday"
        SUNDAY = "sunday"
        SATURDAY = "saturday"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC")
    currency = models.CharField(max_length=3, choices=Currency, default=Currency.USD)
    week_starts = models.CharField(max_length=9, choices=WeekStart, default=WeekStart.MONDAY)
    month_starts_on = models.SmallIntegerField(default=1)
    year_starts_in = models.SmallIntegerField(default=1)
    # Its pages open only in sessions that a second factor was used in.
    requires_mfa = models.BooleanField(default=False)
    policy = models.ForeignKey("Policy", null=True, blank=True, on_delete=models.RESTRICT, related_name="+")
    # The operator's policy over the organization's own: a document as revisions have it, copied, not referred to.
    ceiling = models.JSONField(null=True, blank=True)
    ceiling_revision = models.IntegerField(default=0)
    founded_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    shard = models.SmallIntegerField(editable=False)
    version = models.BigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_for = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    purge_at = models.DateTimeField(null=True, blank=True)
    # Nothing is left but this row, by whose slug the ledger is read.
    purged_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Organization"]("id", "memberships__person_id")

    class Meta:
        permissions: ClassVar = [
            ("suspend_organization", "Can suspend and resume organizations, projects and keys")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(month_starts_on__range=(1, 28), year_starts_in__range=(1, 12)),
                name="organization_calendar",
            ),
            models.CheckConstraint(
                condition=models.Q(deleted_at=None, purge_at=None, purged_at=None)
                | models.Q(deleted_at__isnull=False, purge_at__gte=models.F("deleted_at")),
                name="organization_deletion",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_closed(self) -> bool:
        """Whether all its keys are refused."""
        return self.suspended_at is not None or self.deleted_at is not None


class CustomRole(models.Model):
    """A role of the organization's own: a named set of rights."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="custom_roles")
    name = models.SlugField(max_length=63)
    words = ArrayField(models.CharField(max_length=40), db_column="rights", verbose_name="rights")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["CustomRole"](person_field="memberships__person_id")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="custom_role_name"),
            models.UniqueConstraint(fields=["organization", "id"], name="custom_role_in_organization"),
            models.CheckConstraint(
                condition=~models.Q(name__in=list(BUILT_IN)), name="custom_role_not_built_in"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rights(self) -> frozenset[Right]:
        return known(self.words)


class Membership(models.Model):
    """A person in an organization, with a built-in role or one of the organization's own."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        DEVELOPER = "developer"
        FINANCE = "finance"
        AUDITOR = "auditor"

    class Origin(models.TextChoices):
        HAND = "hand"
        PROVIDER = "provider"  # made, kept and ended by the organization's identity provider

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, blank=True)
    custom_role = models.ForeignKey(
        CustomRole, null=True, blank=True, on_delete=models.RESTRICT, related_name="memberships"
    )
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.HAND)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Membership"](person_field="person_id")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person"], name="one_membership"),
            models.CheckConstraint(
                condition=models.Q(role__in=list(BUILT_IN), custom_role=None)
                | models.Q(role="", custom_role__isnull=False),
                name="membership_one_role",
            ),
            models.CheckConstraint(
                condition=models.Q(origin__in=["hand", "provider"]), name="membership_origin"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.role_name}"

    @property
    def role_name(self) -> str:
        return self.custom_role.name if self.custom_role else self.role

    @property
    def rights(self) -> frozenset[Right]:
        return self.custom_role.rights if self.custom_role else BUILT_IN[self.role]

    @property
    def is_managed(self) -> bool:
        """By the identity provider: not to be changed by hand."""
        return self.origin == self.Origin.PROVIDER


class Invitation(models.Model):
    """An offer of membership, mailed as a link whose token is stored as a digest. Accepted once, or never.

    The role is found by its name when it is accepted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=63)
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    invited_by = models.CharField(max_length=254)
    inviter = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager["Invitation"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None), name="invitation_one_end"
            ),
        ]

    def __str__(self) -> str:
        return self.email
