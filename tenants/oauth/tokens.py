"""What stands behind a token that we gave to an OAuth client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from allauth.idp.oidc.models import Token

ORGANIZATION = "organization_id"  # in a client's data; null there for operators' clients
_SHAPE = re.compile(r"[A-Za-z0-9_-]{86}")  # 64 random bytes: what is no token costs no look at the database


@dataclass(frozen=True, slots=True)
class Granted:
    client_id: UUID
    organization_id: UUID | None
    words: frozenset[str]  # the scopes that were asked for, and given, with the token


def find_token(text: str) -> Granted | None:
    """What a token that has not ended was given for. What its client still opens is not looked at here."""
    if not _SHAPE.fullmatch(text):
        return None
    token = Token.objects.select_related("client").lookup(Token.Type.ACCESS_TOKEN, text)
    if token is None or token.client is None or token.user_id is not None:
        return None
    data = token.client.data
    if not isinstance(data, dict) or ORGANIZATION not in data:  # none of ours
        return None
    organization = data[ORGANIZATION]
    return Granted(
        UUID(token.client.pk), UUID(organization) if organization else None, frozenset(token.get_scopes())
    )


def forget_expired() -> int:
    deleted: int = Token.objects.expired().delete()[0]
    return deleted
