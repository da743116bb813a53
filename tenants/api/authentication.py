"""Bearer credentials of the management API. One identical 401 for whatever is not one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from orbit.lib import access
from tenants import keys
from tenants.api.external import external_token
from tenants.callers import Caller, owner_of, rights_of_key
from tenants.found_keys import find_management_key
from tenants.models import ManagementKey, OAuthClient, OperatorClient, OperatorKey
from tenants.oauth.tokens import Granted, find_token
from tenants.rights import SCOPES

MOST_LENGTH = 8192
SEEN_EVERY = timedelta(minutes=1)  # how exactly the last use of a key is kept

# Each makes a caller of a token, or None of what is not its kind or not valid.
Reader = Callable[[str], Caller | None]


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …` and nothing else: a browser's cookies open nothing here."""

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(token) <= MOST_LENGTH or not token.isascii():
            raise exceptions.AuthenticationFailed
        for reader in readers():
            caller = reader(token)
            if caller is not None:
                return caller, token
        raise exceptions.AuthenticationFailed

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="orbit"'


def readers() -> tuple[Reader, ...]:
    return (management_key, operator_key, client_token, external_token)


def management_key(token: str) -> Caller | None:
    if not keys.well_formed(token, keys.MANAGEMENT):
        return None
    found = find_management_key(keys.digest(token, settings.ORBIT_KEY_PEPPER))
    if found is None:
        return None
    key_id, organization_id = found
    with access.scope(organization_id=organization_id):
        key = ManagementKey.objects.select_related("person", "organization").get(pk=key_id)
        owner = owner_of(key)
        if not key.works or key.organization.purged_at is not None or (key.person_id and owner is None):
            return None
        _note_use(key)
        return Caller(
            name=f"{owner.person.email} by key {key.name}" if owner else f"management key {key.name}",
            scopes=frozenset(rights_of_key(key, owner)),
            organization_id=organization_id,
            management_key_id=key.pk,
        )


def operator_key(token: str) -> Caller | None:
    if not keys.well_formed(token, keys.OPERATOR):
        return None
    with access.operator():
        key = OperatorKey.objects.filter(digest=keys.digest(token, settings.ORBIT_KEY_PEPPER)).first()
        if key is None or not key.works:
            return None
        _note_use(key)
    scopes = frozenset(scope for word, scope in SCOPES.items() if word in key.words)
    return Caller(name=f"operator key {key.name}", scopes=scopes)


def client_token(token: str) -> Caller | None:
    """A token that we gave to an OAuth client. It opens what it was given for and its client still has."""
    granted = find_token(token)
    if granted is None:
        return None
    if granted.organization_id is None:
        with access.operator():
            return _client(OperatorClient.objects.filter(pk=granted.client_id).first(), granted)
    with access.scope(organization_id=granted.organization_id):
        clients = OAuthClient.objects.select_related("organization")
        client = clients.filter(pk=granted.client_id).first()
        return None if client is None or client.organization.is_closed else _client(client, granted)


def _client(client: OAuthClient | OperatorClient | None, granted: Granted) -> Caller | None:
    if client is None or client.revoked_at is not None:
        return None
    _note_use(client)
    of_operators = isinstance(client, OperatorClient)
    return Caller(
        name=f"operators' client {client.name}" if of_operators else f"client {client.name}",
        scopes=frozenset(one for one in client.scopes if one in granted.words),
        organization_id=granted.organization_id,
        oauth_client_id=client.pk,
    )


def _note_use(key: Any) -> None:
    now: datetime = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > SEEN_EVERY:
        type(key).objects.filter(pk=key.pk).update(last_used_at=now)
