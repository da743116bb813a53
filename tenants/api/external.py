"""Callers with a token of the issuer that the operator trusts."""

from __future__ import annotations

from orbit.lib import access
from tenants.api.problems import ProblemError
from tenants.callers import Caller
from tenants.issuer import Claims, IssuerDown, Malformed, issuer
from tenants.models import Organization
from tenants.rights import Right


def external_token(token: str) -> Caller | None:
    """None for what is no token of the issuer's, or not good. Its being away is nobody else's trouble."""
    trusted = issuer()
    if trusted is None:
        return None
    try:
        claims = trusted.claims_of(token)
    except Malformed:
        return None
    except IssuerDown:
        raise ProblemError(
            "unavailable", "The issuer of this token does not answer. Other credentials work."
        ) from None
    return None if claims is None else _caller(claims)


def _caller(claims: Claims) -> Caller | None:
    """A token that names an organization is that organization's: it counts nowhere else, and holds no operators' scope."""
    if claims.organization is None:
        return Caller(claims.name, claims.scopes)
    with access.operator():
        found = Organization.objects.filter(slug=claims.organization, purged_at=None).first()
    if found is None or found.is_closed:
        return None
    rights = frozenset(one for one in claims.scopes if isinstance(one, Right))
    return Caller(claims.name, rights, found.pk)
