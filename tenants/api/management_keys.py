"""Keys of this API: an organization's, and a member's own."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from tenants import services
from tenants.api.fields import Flag, Moment, Strict, Text, Words
from tenants.api.paging import Paged
from tenants.api.resources import ActingOn, Creating, Listing
from tenants.models import ManagementKey
from tenants.rights import Right


class ManagementKeyShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    hint = serializers.CharField()
    owner = serializers.CharField(allow_null=True, help_text="the member whose own it is")
    scopes = serializers.ListField(child=serializers.CharField(), source="words")
    works = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="to the minute")
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class ManagementKeyIssuedShown(ManagementKeyShown):
    """The key, and its text, which cannot be had again."""

    secret = serializers.CharField()

    def to_representation(self, instance: Any) -> Any:
        key, text = instance
        return {**ManagementKeyShown(key).data, "secret": text}


class NewManagementKey(Strict):
    name = Text(max_length=63)
    scopes = Words(help_text="none that the caller lacks")
    own = Flag(default=False, help_text="the caller's own: it never opens more than this member may")
    expires_at = Moment(allow_null=True, default=None)


class ManagementKeysAsked(Paged):
    revoked = Flag(required=False, help_text="default: both")


class ManagementKeys(Listing, Creating):
    """Keys of this API in the organization, the newest first; POST issues one."""

    scopes = {"GET": Right.MANAGEMENT_KEYS_WRITE, "POST": Right.ORGANIZATION_READ}
    shown, created, body = ManagementKeyShown, ManagementKeyIssuedShown, NewManagementKey
    filters = ManagementKeysAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[ManagementKey]:
        rows = _keys()
        return rows.filter(revoked_at__isnull=not asked["revoked"]) if "revoked" in asked else rows

    def create(self, wanted: dict[str, Any]) -> tuple[ManagementKey, str]:
        key, text = services.issue_management_key(**self.where, **wanted)
        return _keys().get(pk=key.pk), text


class RevokeManagementKey(ActingOn):
    """Ends a key of this API for good. One's own takes no scope but this."""

    scopes = {"POST": Right.ORGANIZATION_READ}
    shown = ManagementKeyShown

    def find(self) -> ManagementKey | None:
        return _keys().filter(pk=self.kwargs["key"]).first()

    def act(self, wanted: dict[str, Any]) -> None:
        services.revoke_management_key(**self.where, key_id=self.kwargs["key"])


def _keys() -> QuerySet[ManagementKey]:
    return ManagementKey.objects.select_related("person").defer("digest")
