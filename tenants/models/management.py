"""Credentials of the management API."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.models.organizations import Organization, Person
from tenants.rights import SCOPES, Right, Scope, known


class ManagementKey(models.Model):
    """A key of one organization for the management API, narrowed to scopes.

    It may be a member's own, and then opens nothing that this member could not.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="management_keys")
    name = models.SlugField(max_length=63)
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name="own key of"
    )
    words = ArrayField(models.CharField(max_length=40), db_column="scopes", verbose_name="scopes")
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["ManagementKey"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=models.Q(revoked_at=None),
                name="management_key_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scopes(self) -> frozenset[Right]:
        return known(self.words)

    @property
    def owner(self) -> str | None:
        return self.person.email if self.person else None

    @property
    def works(self) -> bool:
        return works(self.revoked_at, self.expires_at)


class OperatorKey(models.Model):
    """A key of the installation's operators. Its scopes reach every organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=63, unique=True)
    words = ArrayField(models.CharField(max_length=40), db_column="scopes", verbose_name="scopes")
    digest = models.BinaryField(unique=True, max_length=32, editable=False)
    hint = models.CharField(max_length=24, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        permissions: ClassVar = [("revoke_operatorkey", "Can revoke operators' keys and OAuth clients")]

    def __str__(self) -> str:
        return self.name

    @property
    def works(self) -> bool:
        return works(self.revoked_at, self.expires_at)


class OAuthClient(models.Model):
    """A client of one organization, which gets tokens for the management API by its id and secret.

    allauth's own table, which belongs to no organization, holds the secret's digest under `client_id` until it is
    revoked. Whose it is and what it opens, this row says.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="oauth_clients")
    name = models.SlugField(max_length=63)
    words = ArrayField(models.CharField(max_length=40), db_column="scopes", verbose_name="scopes")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["OAuthClient"]()

    class Meta:
        verbose_name = "OAuth client"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=models.Q(revoked_at=None),
                name="oauth_client_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def client_id(self) -> str:
        return self.id.hex

    @property
    def scopes(self) -> frozenset[Right]:
        return known(self.words) if self.revoked_at is None else frozenset()


class OperatorClient(models.Model):
    """As OAuthClient, of the installation's operators. Its scopes reach every organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=63, unique=True)
    words = ArrayField(models.CharField(max_length=40), db_column="scopes", verbose_name="scopes")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "operators' OAuth client"

    def __str__(self) -> str:
        return self.name

    @property
    def client_id(self) -> str:
        return self.id.hex

    @property
    def scopes(self) -> frozenset[Scope]:
        if self.revoked_at is not None:
            return frozenset()
        return frozenset(scope for word, scope in SCOPES.items() if word in self.words)


class IdempotentAnswer(models.Model):
    """What a creation was answered, for whoever repeats it. Sealed: it may hold the text of a key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    caller = models.CharField(max_length=254)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32, editable=False)
    status = models.SmallIntegerField(default=0)
    sealed = models.BinaryField(editable=False, default=bytes)
    created_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)

    objects = ScopedManager["IdempotentAnswer"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "caller", "key"], name="idempotent_once"),
        ]

    def __str__(self) -> str:
        return self.key


def works(revoked_at: datetime | None, expires_at: datetime | None) -> bool:
    return revoked_at is None and (expires_at is None or expires_at > timezone.now())
