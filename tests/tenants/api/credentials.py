"""Every kind of credential, with the scopes that one asks for."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from allauth.idp.oidc.models import Token
from django.utils import timezone

from orbit.lib import access
from tenants import keys, services
from tenants.models import ManagementKey, OperatorClient, OperatorKey, Organization
from tenants.rights import BUILT_IN, SCOPES, OperatorRight, Right, Scope
from tests.console.conftest import make_person, signed_in
from tests.issuer import Issuer
from tests.tenants.api import conftest
from tests.tenants.api.tokens import new_token

CLAIM = "tenant"
EVERYTHING = frozenset(SCOPES.values())
RIGHTS = frozenset(Right)

# A credential with these scopes, of which one of an organization's holds only what is a right of members.
Make = Callable[[Organization, Issuer, Iterable[Scope]], str]


def _name() -> str:
    return f"c-{secrets.token_hex(6)}"


def _words(scopes: Iterable[Scope], among: frozenset[Scope] = EVERYTHING) -> list[str]:
    return sorted(one.value for one in scopes if one in among)


def management_key(place: Organization, _: Issuer, scopes: Iterable[Scope]) -> str:
    where: dict[str, Any] = {"organization_id": place.pk, "actor": "test"}
    return services.issue_management_key(**where, name=_name(), scopes=_words(scopes, RIGHTS))[1]


def operator_key(_: Organization, __: Issuer, scopes: Iterable[Scope]) -> str:
    return services.issue_operator_key(name=_name(), scopes=_words(scopes), actor="test")[1]


def client(place: Organization, _: Issuer, scopes: Iterable[Scope]) -> str:
    where: dict[str, Any] = {"organization_id": place.pk, "actor": "test"}
    made, secret = services.issue_oauth_client(**where, name=_name(), scopes=_words(scopes, RIGHTS))
    return new_token(made.client_id, secret)


def operators_client(_: Organization, __: Issuer, scopes: Iterable[Scope]) -> str:
    made, secret = services.issue_operator_client(name=_name(), scopes=_words(scopes), actor="test")
    return new_token(made.client_id, secret)


def narrowed_token(_: Organization, __: Issuer, scopes: Iterable[Scope]) -> str:
    """Of a client that may do everything, asked for with less."""
    made, secret = services.issue_operator_client(name=_name(), scopes=list(SCOPES), actor="test")
    return new_token(made.client_id, secret, "+".join(_words(scopes)))


def external_token(_: Organization, issuer: Issuer, scopes: Iterable[Scope]) -> str:
    return issuer.sign(scope=" ".join(_words(scopes)), sub=_name())


def external_token_of_an_organization(place: Organization, issuer: Issuer, scopes: Iterable[Scope]) -> str:
    """Whoever signed it also wrote every operators' scope into it, which opens nothing here."""
    words = [*_words(scopes, RIGHTS), *(one.value for one in OperatorRight)]
    return issuer.sign(scope=" ".join(words), sub=_name(), tenant=place.slug)


def opaque_token(_: Organization, issuer: Issuer, scopes: Iterable[Scope]) -> str:
    return issuer.give(scope=" ".join(_words(scopes)), sub=_name())


OF_ORGANIZATIONS: dict[str, Make] = {
    "management key": management_key,
    "client": client,
    "external token of an organization": external_token_of_an_organization,
}
OF_OPERATORS: dict[str, Make] = {
    "operator key": operator_key,
    "operators' client": operators_client,
    "operators' narrowed token": narrowed_token,
    "external token": external_token,
    "opaque external token": opaque_token,
}


def own_key(place: Organization, role: str) -> str:
    """A member's own, with all that the role may."""
    where: dict[str, Any] = {"organization_id": place.pk}
    member = services.add_member(**where, person=make_person(), role=role, actor="test").row
    given: dict[str, Any] = {"name": _name(), "scopes": _words(BUILT_IN[role])}
    return services.issue_management_key(**where, **given, own=True, actor=member)[1]


def useless(place: Organization, issuer: Issuer) -> dict[str, conftest.Caller]:
    """Callers with nothing that counts, or counts any more. All of it would open everything."""
    past, everything = timezone.now() - timedelta(minutes=1), " ".join(SCOPES)
    texts = {
        "garbage": "hunter2",
        "gateway key": _gateway_key(place),
        "management key of nobody": keys.new_key(keys.MANAGEMENT),
        "external token, ended": issuer.sign(exp=int(past.timestamp()), scope=everything),
        "external token for others": issuer.sign(aud="elsewhere", scope=everything),
        "external token, forged": issuer.forge(scope=everything),
        "external token of no organization": issuer.sign(tenant="there-is-none", scope=everything),
        "opaque external token, unknown": secrets.token_urlsafe(24),
        "own key of a former member": _of_a_former_member(place),
        **_ended_and_revoked(place, past),
    }
    owner = make_person()
    services.add_member(organization_id=place.pk, person=owner, role="owner", actor="test")
    return {
        "nothing": conftest.caller(),
        "session of an owner": conftest.Caller(signed_in(owner)),
        **{name: conftest.caller(text) for name, text in texts.items()},
    }


def _gateway_key(place: Organization) -> str:
    where: dict[str, Any] = {"organization_id": place.pk, "actor": "test"}
    slug = _name()
    services.save_project(**where, slug=slug, name="A project")
    return services.issue_key(**where, project=slug, name="main")[1]


def _of_a_former_member(place: Organization) -> str:
    where: dict[str, Any] = {"organization_id": place.pk}
    member = services.add_member(**where, person=make_person(), role="admin", actor="test").row
    given: dict[str, Any] = {"name": _name(), "scopes": ["organization.read"]}
    text = services.issue_management_key(**where, **given, own=True, actor=member)[1]
    services.remove_member(**where, member_id=member.pk, actor="test")
    return text


def _ended_and_revoked(place: Organization, past: datetime) -> dict[str, str]:
    where: dict[str, Any] = {"organization_id": place.pk, "actor": "test"}
    made = {}
    for state, change in (("ended", {"expires_at": past}), ("revoked", {"revoked_at": past})):
        key, text = services.issue_management_key(**where, name=_name(), scopes=_words(RIGHTS))
        with access.scope(organization_id=place.pk):
            ManagementKey.objects.filter(pk=key.pk).update(**change)
        made[f"management key, {state}"] = text
        own, text = services.issue_operator_key(name=_name(), scopes=list(SCOPES), actor="test")
        with access.operator():
            OperatorKey.objects.filter(pk=own.pk).update(**change)
        made[f"operator key, {state}"] = text
    for kind, issued in (
        ("client", services.issue_oauth_client(**where, name=_name(), scopes=_words(RIGHTS))),
        (
            "operators' client",
            services.issue_operator_client(name=_name(), scopes=list(SCOPES), actor="test"),
        ),
    ):
        row, secret = issued
        made[f"{kind}, revoked"] = new_token(row.client_id, secret)
        ended = made[f"{kind}, ended"] = new_token(row.client_id, secret)
        Token.objects.by_value(ended).update(expires_at=past)
        model: Any = type(row)
        with access.operator() if isinstance(row, OperatorClient) else access.scope(organization_id=place.pk):
            model.objects.filter(pk=row.pk).update(revoked_at=past)
    return made
