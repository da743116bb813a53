"""OAuth clients of the management API: an organization's, and the installation's operators'."""

from __future__ import annotations

import logging
from collections.abc import Collection
from uuid import UUID

from allauth.idp.oidc.models import Client
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.callers import Caller
from tenants.models import OAuthClient, OperatorClient
from tenants.oauth.secrets import new_secret
from tenants.oauth.tokens import ORGANIZATION
from tenants.rights import Right, Scope, known
from tenants.schema import values
from tenants.services.management_keys import known_scopes, organizations_scopes
from tenants.services.saved import Actor, changing, valid

logger = logging.getLogger(__name__)


def issue_oauth_client(
    *, organization_id: UUID, name: str, scopes: Collection[str], actor: Actor
) -> tuple[OAuthClient, str]:
    """The client and its secret, which cannot be had again. Nobody gives a scope that they lack."""
    valid("name", values.name, name)
    wanted = organizations_scopes(scopes)
    with changing(organization_id, actor, Right.MANAGEMENT_KEYS_WRITE) as change:
        change.require_all(frozenset(wanted))
        client = OAuthClient(
            organization_id=organization_id,
            name=name,
            words=[one.value for one in wanted],
            created_by=change.actor[:254],
        )
        try:
            with transaction.atomic(using="default"):
                client.save(force_insert=True)
        except IntegrityError:
            raise InputError("name", f"there is a client {name!r} already", "choose another") from None
        secret = _register(client)
        change.act("oauth_client.issue", name, None, {"scopes": client.words, "client_id": client.client_id})
    return client, secret


def change_oauth_client(
    *, organization_id: UUID, client_id: UUID, scopes: Collection[str], actor: Actor
) -> OAuthClient:
    """Gives it other scopes. What is taken away, its tokens lack from the next request on."""
    wanted = organizations_scopes(scopes)
    with changing(organization_id, actor, Right.MANAGEMENT_KEYS_WRITE) as change:
        client = _found(client_id)
        before = client.words
        change.require_all(frozenset(wanted) - known(before))
        client.words = [one.value for one in wanted]
        if client.words != before:
            client.save(update_fields=["words"])
            _mirror(client)
            change.act("oauth_client.update", client.name, {"scopes": before}, {"scopes": client.words})
    return client


def revoke_oauth_client(*, organization_id: UUID, client_id: UUID, actor: Actor) -> OAuthClient:
    """Ends it for good, and every token of it."""
    with changing(organization_id, actor, Right.MANAGEMENT_KEYS_WRITE) as change:
        client = OAuthClient.objects.filter(pk=client_id).first()
        if client is None:
            raise InputError("client", "there is no such client")
        if client.revoked_at is None:
            client.revoked_at = timezone.now()
            client.save(update_fields=["revoked_at"])
            _forget([client])
            after = {"revoked_at": client.revoked_at}
            change.act("oauth_client.revoke", client.name, {"revoked_at": None}, after)
    return client


def forget_oauth_clients(organization_id: UUID) -> None:
    """What allauth has of an organization that is purged."""
    with access.scope(organization_id=organization_id):
        _forget(list(OAuthClient.objects.filter(organization_id=organization_id)))


def issue_operator_client(
    *, name: str, scopes: Collection[str], actor: str | Caller
) -> tuple[OperatorClient, str]:
    """As for an organization. It belongs to none: the log tells of it, no ledger."""
    valid("name", values.name, name)
    wanted = known_scopes(scopes)
    _require_all(actor, wanted)
    client = OperatorClient(name=name, words=[one.value for one in wanted], created_by=_name_of(actor)[:254])
    with access.operator(), transaction.atomic(using="operator"):
        if OperatorClient.objects.filter(name=name).exists():
            raise InputError("name", f"there is or was an operators' client {name!r}", "choose another")
        client.save(force_insert=True)
        secret = _register(client)
    logger.warning("%s issued the operators' client %s for %s", _name_of(actor), name, " ".join(client.words))
    return client, secret


def change_operator_client(
    *, client_id: UUID, scopes: Collection[str], actor: str | Caller
) -> OperatorClient:
    wanted = known_scopes(scopes)
    with access.operator(), transaction.atomic(using="operator"):
        client = OperatorClient.objects.select_for_update().filter(pk=client_id, revoked_at=None).first()
        if client is None:
            raise InputError("client", "there is no such client")
        _require_all(actor, [one for one in wanted if one not in client.scopes])
        client.words = [one.value for one in wanted]
        client.save(update_fields=["words"])
        _mirror(client)
    logger.warning(
        "%s gave the operators' client %s the scopes %s", _name_of(actor), client.name, " ".join(client.words)
    )
    return client


def revoke_operator_client(*, client_id: UUID, actor: str | Caller) -> OperatorClient:
    with access.operator(), transaction.atomic(using="operator"):
        client = OperatorClient.objects.select_for_update().filter(pk=client_id).first()
        if client is None:
            raise InputError("client", "there is no such client")
        if client.revoked_at is None:
            client.revoked_at = timezone.now()
            client.save(update_fields=["revoked_at"])
            _forget([client])
            logger.warning("%s revoked the operators' client %s", _name_of(actor), client.name)
    return client


def _found(client_id: UUID) -> OAuthClient:
    client = OAuthClient.objects.filter(pk=client_id, revoked_at=None).first()
    if client is None:
        raise InputError("client", "there is no such client")
    return client


def _register(client: OAuthClient | OperatorClient) -> str:
    """allauth's side of a new client; its secret."""
    text, stored = new_secret()
    organization_id = client.organization_id if isinstance(client, OAuthClient) else None
    row = Client(
        id=client.client_id,
        name=client.name,
        secret=stored,
        type=Client.Type.CONFIDENTIAL,
        response_types="",
        data={ORGANIZATION: str(organization_id) if organization_id else None},
    )
    row.set_grant_types([Client.GrantType.CLIENT_CREDENTIALS])
    row.set_scopes(client.words)
    row.set_default_scopes(client.words)
    row.save(force_insert=True)
    return text


def _mirror(client: OAuthClient | OperatorClient) -> None:
    """So that new tokens cannot even be asked for with what was taken away."""
    row = Client.objects.get(pk=client.client_id)
    row.set_scopes(client.words)
    row.set_default_scopes(client.words)
    row.save(update_fields=["scopes", "default_scopes"])


def _forget(clients: Collection[OAuthClient | OperatorClient]) -> None:
    """The secrets, and with them all tokens."""
    Client.objects.filter(pk__in=[one.client_id for one in clients]).delete()


def _name_of(actor: str | Caller) -> str:
    return actor if isinstance(actor, str) else actor.name


def _require_all(actor: str | Caller, wanted: Collection[Scope]) -> None:
    if isinstance(actor, Caller):
        lacking = sorted(set(wanted) - actor.scopes)
        if lacking or not actor.is_operator:
            raise PermissionDenied(f"this takes the scopes {', '.join(lacking)}")
