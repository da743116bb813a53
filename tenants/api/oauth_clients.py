"""OAuth clients that get tokens for this API: an organization's, and the operators'."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from orbit.lib import access
from tenants import services
from tenants.api.endpoint import Endpoint
from tenants.api.fields import Flag, Strict, Text, Words
from tenants.api.paging import Paged
from tenants.api.parsing import checked_body
from tenants.api.resources import ActingOn, Changing, Creating, Listing
from tenants.models import OAuthClient, OperatorClient
from tenants.rights import OperatorRight, Right


class OAuthClientShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    client_id = serializers.CharField(help_text="what it names itself by when it asks for a token")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField(), source="words")
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="a token of it, to the minute")
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class OAuthClientIssuedShown(OAuthClientShown):
    """The client, and its secret, which cannot be had again."""

    client_secret = serializers.CharField()

    def to_representation(self, instance: Any) -> Any:
        client, secret = instance
        return {**OAuthClientShown(client).data, "client_secret": secret}


class NewOAuthClient(Strict):
    name = Text(max_length=63)
    scopes = Words(help_text="none that the caller lacks")


class ChangedOAuthClient(Strict):
    scopes = Words(help_text="instead of those that it has; none new that the caller lacks")


class OAuthClientsAsked(Paged):
    revoked = Flag(required=False, help_text="default: both")


def _asked_for(rows: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
    return rows.filter(revoked_at__isnull=not asked["revoked"]) if "revoked" in asked else rows


class OAuthClients(Listing, Creating):
    """OAuth clients of the organization, the newest first; POST issues one."""

    scopes = {"GET": Right.MANAGEMENT_KEYS_WRITE, "POST": Right.MANAGEMENT_KEYS_WRITE}
    shown, created, body = OAuthClientShown, OAuthClientIssuedShown, NewOAuthClient
    filters = OAuthClientsAsked

    def rows(self, asked: dict[str, Any]) -> QuerySet[OAuthClient]:
        return _asked_for(OAuthClient.objects.all(), asked)

    def create(self, wanted: dict[str, Any]) -> tuple[OAuthClient, str]:
        return services.issue_oauth_client(**self.where, **wanted)


class OAuthClientItem(Changing):
    """One OAuth client. What is taken from it, its tokens lack from the next request on."""

    scopes = {"GET": Right.MANAGEMENT_KEYS_WRITE, "PATCH": Right.MANAGEMENT_KEYS_WRITE}
    shown, body = OAuthClientShown, ChangedOAuthClient

    def find(self) -> OAuthClient | None:
        return OAuthClient.objects.filter(pk=self.kwargs["client"]).first()

    def change(self, wanted: dict[str, Any]) -> None:
        services.change_oauth_client(**self.where, client_id=self.kwargs["client"], **wanted)


class RevokeOAuthClient(ActingOn):
    """Ends an OAuth client and its tokens for good."""

    scopes = {"POST": Right.MANAGEMENT_KEYS_WRITE}
    shown = OAuthClientShown

    def find(self) -> OAuthClient | None:
        return OAuthClient.objects.filter(pk=self.kwargs["client"]).first()

    def act(self, wanted: dict[str, Any]) -> None:
        services.revoke_oauth_client(**self.where, client_id=self.kwargs["client"])


class OperatorClients(Listing):
    """OAuth clients of the installation's operators, the newest first; POST issues one."""

    scopes = {"GET": OperatorRight.CREDENTIALS_WRITE, "POST": OperatorRight.CREDENTIALS_WRITE}
    shown, created, body, status = OAuthClientShown, OAuthClientIssuedShown, NewOAuthClient, 201
    filters = OAuthClientsAsked

    def get(self) -> Response:
        with access.operator():
            return super().get()

    def rows(self, asked: dict[str, Any]) -> QuerySet[OperatorClient]:
        return _asked_for(OperatorClient.objects.all(), asked)

    def post(self) -> Response:
        wanted = checked_body(NewOAuthClient, self.request)
        made = services.issue_operator_client(actor=self.caller, **wanted)
        return Response(OAuthClientIssuedShown(made).data, status=201)


class _OperatorClient(Endpoint):
    shown = OAuthClientShown

    def find(self) -> OperatorClient:
        with access.operator():
            client = OperatorClient.objects.filter(pk=self.kwargs["client"]).first()
        if client is None:
            raise Http404
        return client


class OperatorClientItem(_OperatorClient):
    """One OAuth client of the operators. What is taken from it, its tokens lack from the next request on."""

    scopes = {"GET": OperatorRight.CREDENTIALS_WRITE, "PATCH": OperatorRight.CREDENTIALS_WRITE}
    body = ChangedOAuthClient

    def get(self) -> Response:
        return Response(OAuthClientShown(self.find()).data)

    def patch(self) -> Response:
        self.find()
        wanted = checked_body(ChangedOAuthClient, self.request)
        changed = services.change_operator_client(
            client_id=self.kwargs["client"], actor=self.caller, **wanted
        )
        return Response(OAuthClientShown(changed).data)


class RevokeOperatorClient(_OperatorClient):
    """Ends an OAuth client of the operators and its tokens for good."""

    scopes = {"POST": OperatorRight.CREDENTIALS_WRITE}
    created, status = None, 200

    def post(self) -> Response:
        self.find()
        revoked = services.revoke_operator_client(client_id=self.kwargs["client"], actor=self.caller)
        return Response(OAuthClientShown(revoked).data)
