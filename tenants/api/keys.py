"""Issued keys: listed, issued, changed, rotated, suspended, revoked. Their text is told once, when it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from tenants import services
from tenants.api.fields import Document, Flag, Moment, Strict, Text, Whole
from tenants.api.organizations import Suspending
from tenants.api.paging import Paged
from tenants.api.problems import below
from tenants.api.resources import Acting, ActingOn, Changing, Creating, Listing
from tenants.key_list import STATES, Selection, described, selected
from tenants.models import ApiKey
from tenants.rights import Right

MOST_DAYS = 3650


class FormerSecretShown(serializers.Serializer[Any]):
    hint = serializers.CharField()
    works_until = serializers.CharField()


class KeyShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    project = serializers.CharField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="what is known of its text")
    state = serializers.ChoiceField(STATES)
    policy = serializers.CharField(allow_null=True)
    allow = serializers.DictField(help_text="models, endpoints and address ranges that it is narrowed to")
    owner = serializers.CharField(allow_null=True, help_text="a member's address or a service account's name")
    created_by = serializers.CharField()
    created_at = serializers.CharField()
    expires_at = serializers.CharField(allow_null=True)
    revoked_at = serializers.CharField(allow_null=True)
    rotated_at = serializers.CharField(allow_null=True)
    rotate_after_days = serializers.IntegerField(allow_null=True)
    rotation_due_at = serializers.CharField(allow_null=True)
    refused_from = serializers.CharField(allow_null=True)
    former_secrets = FormerSecretShown(many=True, help_text="those that still work")
    last_used_at = serializers.CharField(allow_null=True)
    last_address = serializers.CharField(allow_null=True)

    def to_representation(self, instance: ApiKey) -> Any:
        return {"id": str(instance.pk), **described(instance)}


class KeysAsked(Paged):
    project = Text(required=False, max_length=63)
    name = Text(required=False, max_length=63, help_text="`*` stands for any text")
    created_by = Text(required=False, max_length=254)
    unused_since = Moment(required=False)
    due = Flag(required=False, default=False, help_text="only those whose rotation is due")
    revoked = Flag(
        required=False, default=False, help_text="revoked ones instead; takes no other filter but `project`"
    )


class NewKey(Strict):
    project = Text(max_length=63)
    name = Text(max_length=63)
    policy = Text(max_length=63, allow_null=True, default=None)
    allow = Document(default=dict)
    owner = Text(max_length=254, allow_null=True, default=None)
    expires_at = Moment(allow_null=True, default=None)
    rotate_after_days = Whole(min_value=1, max_value=MOST_DAYS, allow_null=True, default=None)


class KeyIssuedShown(KeyShown):
    """The key, and its text, which cannot be had again."""

    secret = serializers.CharField()

    def to_representation(self, instance: Any) -> Any:
        key, text = instance
        return {**super().to_representation(key), "secret": text}


class Keys(Listing, Creating):
    """The organization's issued keys, the newest first; POST issues one."""

    scopes = {"GET": Right.KEYS_READ, "POST": Right.KEYS_ISSUE}
    shown, created, body, filters = KeyShown, KeyIssuedShown, NewKey, KeysAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[ApiKey]:
        if asked["revoked"]:
            rows = _keys().exclude(revoked_at=None)
            return rows.filter(project__slug=asked["project"]) if "project" in asked else rows
        names = ("project", "name", "created_by", "unused_since", "due")
        selection = Selection(**{name: asked[name] for name in names if name in asked})
        return selected(selection).prefetch_related("former_secrets")

    def create(self, wanted: dict[str, Any]) -> tuple[ApiKey, str]:
        with below("allow"):
            key, text = services.issue_key(**self.where, **wanted)
        return _keys().get(pk=key.pk), text


class ChangedKey(Strict):
    policy = Text(max_length=63, allow_null=True, required=False)
    allow = Document(required=False)
    expires_at = Moment(allow_null=True, required=False)
    rotate_after_days = Whole(min_value=1, max_value=MOST_DAYS, allow_null=True, required=False)


class KeyItem(Changing):
    """One key. A key that was revoked cannot be changed."""

    scopes = {"GET": Right.KEYS_READ, "PATCH": Right.KEYS_WRITE}
    shown, body = KeyShown, ChangedKey

    def find(self) -> ApiKey | None:
        return _keys().filter(pk=self.kwargs["key"]).first()

    def change(self, wanted: dict[str, Any]) -> None:
        key = _keys().get(pk=self.kwargs["key"])
        kept: dict[str, Any] = {
            "policy": key.policy.name if key.policy else None,
            "allow": key.allow,
            "expires_at": key.expires_at,
            "rotate_after_days": key.rotate_after_days,
        }
        with below("allow"):
            services.change_key(**self.where, key_id=key.pk, **kept | wanted)


class Reason(Strict):
    reason = Text(max_length=500, required=False, default="", allow_blank=True)


class _KeyAction(ActingOn):
    shown = KeyShown

    def find(self) -> ApiKey | None:
        return _keys().filter(pk=self.kwargs["key"]).first()


class RevokeKey(_KeyAction):
    """Ends a key for good, from the next call on."""

    scopes = {"POST": Right.KEYS_REVOKE}
    body = Reason

    def act(self, wanted: dict[str, Any]) -> None:
        services.revoke_key(**self.where, key_id=self.kwargs["key"], reason=wanted["reason"])


class SuspendKey(_KeyAction):
    """Refuses the key from the next call on, until it is resumed."""

    scopes = {"POST": Right.KEYS_WRITE}
    body = Suspending

    def act(self, wanted: dict[str, Any]) -> None:
        services.suspend_key(**self.where, key_id=self.kwargs["key"], reason=wanted["reason"])


class ResumeKey(_KeyAction):
    """Ends a suspension."""

    scopes = {"POST": Right.KEYS_WRITE}

    def act(self, wanted: dict[str, Any]) -> None:
        services.resume_key(**self.where, key_id=self.kwargs["key"])


class Overlap(Strict):
    overlap_s = Whole(
        min_value=0, max_value=30 * 86_400, default=86_400, help_text="for which the old secret works on"
    )


class RotatedShown(KeyIssuedShown):
    """The key with its new text, which cannot be had again."""


class RotateKey(_KeyAction):
    """Gives the key a new secret. The old one works on for a while, so that applications can follow."""

    scopes = {"POST": Right.KEYS_WRITE}
    body, created = Overlap, RotatedShown

    def act(self, wanted: dict[str, Any]) -> tuple[ApiKey | None, str]:
        overlap = timedelta(seconds=wanted["overlap_s"])
        rotated = services.rotate_key(**self.where, key_id=self.kwargs["key"], overlap=overlap)
        return self.find(), rotated.secret


class KeysToRevoke(Strict):
    project = Text(required=False, max_length=63)
    name = Text(required=False, max_length=63)
    created_by = Text(required=False, max_length=254)
    unused_since = Moment(required=False)
    reason = Text(max_length=500, required=False, default="", allow_blank=True)


class RevokedShown(serializers.Serializer[Any]):
    revoked = serializers.IntegerField()


class RevokeKeys(Acting):
    """Revokes every key of which all that is named holds. A selection that names nothing is refused."""

    scopes = {"POST": Right.KEYS_REVOKE}
    body, shown = KeysToRevoke, RevokedShown

    def create(self, wanted: dict[str, Any]) -> dict[str, int]:
        reason = wanted.pop("reason")
        ended = services.revoke_keys(**self.where, selection=Selection(**wanted), reason=reason)
        return {"revoked": len(ended)}


def _keys() -> QuerySet[ApiKey]:
    rows = ApiKey.objects.defer("digest")
    rows = rows.select_related("project", "policy", "use", "person", "service_account")
    return rows.prefetch_related("former_secrets")
