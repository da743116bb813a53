"""How people sign in to an organization by a provider of its own: the provider, its groups, the domains, the sessions."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orbit.lib.access import ScopedManager
from orbit.lib.ids import uuid7
from tenants.models.organizations import CustomRole, Membership, Organization, Person
from tenants.rights import BUILT_IN

_ONE_ROLE = models.Q(role__in=list(BUILT_IN), custom_role=None) | models.Q(role="", custom_role__isnull=False)


class IdentityProvider(models.Model):
    """An organization's OpenID provider. Its secret is sealed here, goes to no other issuer, and is never read back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, related_name="identity_provider"
    )
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=255)
    secret_sealed = models.BinaryField(editable=False)
    groups_claim = models.CharField(max_length=120, default="groups")
    # For whom no group names a role; with neither, nobody without a group enters.
    default_role = models.CharField(max_length=10, choices=Membership.Role, blank=True)
    default_custom_role = models.ForeignKey(
        CustomRole, null=True, blank=True, on_delete=models.RESTRICT, related_name="+"
    )
    # Addresses of which the provider does not say whether it has verified them.
    takes_unmarked = models.BooleanField(default=False)
    # Whether members with an address of a verified domain may enter with their password too.
    passwords = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["IdentityProvider"]()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(default_custom_role=None) | models.Q(default_role=""),
                name="provider_one_default_role",
            ),
        ]

    def __str__(self) -> str:
        return self.issuer


class GroupRole(models.Model):
    """The role that a group of the provider stands for. Of a person's groups, that with the lowest position counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    group = models.CharField(max_length=255)
    position = models.SmallIntegerField()
    role = models.CharField(max_length=10, choices=Membership.Role, blank=True)
    custom_role = models.ForeignKey(
        CustomRole, null=True, blank=True, on_delete=models.RESTRICT, related_name="+"
    )

    objects = ScopedManager["GroupRole"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "group"], name="group_has_one_role"),
            models.CheckConstraint(condition=_ONE_ROLE, name="group_one_role"),
        ]

    def __str__(self) -> str:
        return self.group

    @property
    def role_name(self) -> str:
        return self.custom_role.name if self.custom_role else self.role


class Domain(models.Model):
    """A mail domain that an organization says is its own. Verified it is by a record in its DNS, and in one organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="domains")
    name = models.CharField(max_length=253)
    token = models.CharField(max_length=64, editable=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ScopedManager["Domain"]()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="domain_once"),
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(verified_at__isnull=False),
                name="domain_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProviderSession(models.Model):
    """A session that the organization's provider vouches for, with what we ask it whether it still does.

    Where this row is gone, the session opens nothing any more.
    """

    class Source(models.TextChoices):
        USERINFO = "userinfo"
        ID_TOKEN = "id_token"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=191)
    source = models.CharField(max_length=8, choices=Source)
    access_sealed = models.BinaryField(editable=False)
    refresh_sealed = models.BinaryField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # When the provider was last asked, and when it last vouched for the person.
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField()

    objects = ScopedManager["ProviderSession"]()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="provider_session_age")]

    def __str__(self) -> str:
        return f"{self.person_id}"
