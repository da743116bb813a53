"""Whose a leaked key is, for the installation's operators."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from tenants import services
from tenants.api.endpoint import Endpoint
from tenants.api.fields import Flag, Strict, Text
from tenants.api.parsing import checked_body
from tenants.rights import OperatorRight


class FoundSecretShown(serializers.Serializer[Any]):
    hint = serializers.CharField()
    works = serializers.BooleanField(help_text="whether it opened anything when it was looked up")
    replaced = serializers.BooleanField(help_text="whether a rotation has replaced it")
    ended = serializers.BooleanField(help_text="whether it was ended now")


class FoundKeyShown(serializers.Serializer[Any]):
    path = serializers.CharField(help_text="ORGANIZATION/PROJECT/NAME")
    organization = serializers.CharField()
    secret = FoundSecretShown()
    key = serializers.DictField(help_text="as lists of keys show it")


class SecretToFind(Strict):
    key = Text(max_length=500, write_only=True, help_text="the text that turned up somewhere")
    revoke = Flag(default=False, help_text="end it: today's secret with its key, a former one alone")
    reason = Text(max_length=500, required=False, default="", allow_blank=True)


class LookUpKey(Endpoint):
    """Finds the owner of an issued key by its text, in whatever organization, and ends it when asked to.

    An act in the organization's ledger tells of it. 404 when it is nobody's.
    """

    scopes = {"POST": OperatorRight.KEYS_LOOK_UP}
    body, shown, created, status = SecretToFind, FoundKeyShown, None, 200

    def post(self) -> Response:
        wanted = checked_body(SecretToFind, self.request)
        owner = services.look_up_key(
            wanted["key"], actor=self.caller.name, end=wanted["revoke"], reason=wanted["reason"]
        )
        if owner is None:
            raise Http404
        return Response(FoundKeyShown(owner.as_dict()).data)
