"""Sessions that a provider vouches for: asked about again and again, ended when it no longer does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from orbit.lib import access
from tenants import oidc
from tenants.models import IdentityProvider, ProviderSession
from tenants.oidc import Claims, Tokens
from tenants.secrets import local
from tenants.services.identity_provider import client_of
from tenants.services.provider_sign_in import (
    ACTOR,
    address_problem,
    bring_in_line,
    is_in_line,
    role_for,
    seal_tokens,
    token_place,
)
from tenants.services.saved import changing

_WAIT_S = 0.05  # between two looks at a session that another request is asking about


@dataclass(frozen=True, slots=True)
class _Open:
    """A session as it is used outside of any transaction."""

    row: ProviderSession
    provider: IdentityProvider
    tokens: Tokens


def still_stands(*, organization_id: UUID, session_id: UUID, person_id: int) -> bool:
    """Whether the provider still vouches for the session, which it is asked when the last time is long enough ago.

    Its word on groups counts at once. Must not be called inside of a transaction: the provider may take its time.
    """
    began = timezone.now()
    with _alone(session_id):
        found = _load(organization_id, session_id, person_id)
        if found is None:
            return False
        if not _is_due(found.row, began):
            return _is_trusted(found.row, began)
        try:
            said = _ask(found)
        except oidc.Unavailable:
            return _keep_for_now(found.row, began)
        except oidc.Rejected:
            end_provider_session(organization_id=organization_id, session_id=session_id)
            return False
        return _take_word(found.row, said, began)


def end_provider_session(*, organization_id: UUID, session_id: UUID) -> None:
    with access.scope(organization_id=organization_id):
        ProviderSession.objects.filter(pk=session_id).delete()


def forget_old_sessions(*, organization_id: UUID, now: datetime) -> int:
    """Those whose cookie is no longer valid."""
    with access.scope(organization_id=organization_id):
        old = ProviderSession.objects.filter(
            created_at__lt=now - timedelta(seconds=settings.SESSION_COOKIE_AGE)
        )
        return old.delete()[0]


@contextmanager
def _alone(session_id: UUID) -> Iterator[None]:
    """One request of a session at a time: a refresh token may be good for one use. The others find what it was told."""
    key = f"provider-session:{session_id}"
    longest_s = 4 * settings.ORBIT_SSO_TIMEOUT_S + 5  # a refresh and what it needs
    until = time.monotonic() + longest_s
    while not cache.add(key, True, longest_s) and time.monotonic() < until:
        oidc.let_go_of_the_database()
        time.sleep(_WAIT_S)
    try:
        yield
    finally:
        cache.delete(key)


def _load(organization_id: UUID, session_id: UUID, person_id: int) -> _Open | None:
    """None as well for tokens that do not open: then there is nobody to ask."""
    with access.scope(organization_id=organization_id):
        row = ProviderSession.objects.filter(
            pk=session_id, person_id=person_id, organization__deleted_at=None
        ).first()
        provider = IdentityProvider.objects.first()
    if row is None or provider is None:
        return None
    try:
        return _Open(row, provider, _opened(row))
    except (local.CannotOpen, ImproperlyConfigured):
        return None


def _opened(row: ProviderSession) -> Tokens:
    refresh = row.refresh_sealed
    return Tokens(
        local.unseal(bytes(row.access_sealed), token_place(row, "access_token")),
        local.unseal(bytes(refresh), token_place(row, "refresh_token")) if refresh is not None else "",
    )


def _is_due(row: ProviderSession, now: datetime) -> bool:
    """At 0 seconds: not asked since this request began."""
    return row.asked_at <= now - timedelta(seconds=settings.ORBIT_SSO_RECHECK_S)


def _is_trusted(row: ProviderSession, now: datetime) -> bool:
    """Vouched for when last asked, or silent for not too long."""
    silent_s = (now - row.confirmed_at).total_seconds()
    return row.confirmed_at >= row.asked_at or silent_s <= settings.ORBIT_SSO_GRACE_S


def _keep_for_now(row: ProviderSession, now: datetime) -> bool:
    row.asked_at = now
    with access.scope(organization_id=row.organization_id):
        ProviderSession.objects.filter(pk=row.pk).update(asked_at=now)
    return _is_trusted(row, now)


def _ask(found: _Open) -> Claims:
    """What the provider says now of the person."""
    try:
        client = client_of(found.provider)
    except oidc.Rejected as error:  # its description is broken, which says nothing of the person
        raise oidc.Unavailable(str(error)) from None
    except (local.CannotOpen, ImproperlyConfigured) as error:
        raise oidc.Unavailable(str(error)) from None
    said = _said(found, client)
    if said.get("sub") != found.row.subject:
        raise oidc.Rejected("it speaks of somebody else")
    return oidc.read_claims(said, found.provider.groups_claim)


def _said(found: _Open, client: oidc.Client) -> dict[str, Any]:
    if found.row.source == ProviderSession.Source.USERINFO and client.at.userinfo:
        try:
            return oidc.userinfo(client, found.tokens.access)
        except oidc.Rejected:
            if not found.tokens.refresh:
                raise
        return oidc.userinfo(client, _refreshed(found, client).access)
    if not found.tokens.refresh:
        raise oidc.Unavailable("it cannot be asked without a refresh token")
    return oidc.id_claims(client, _refreshed(found, client).id_token)


def _refreshed(found: _Open, client: oidc.Client) -> Tokens:
    """Kept at once: the old ones may be void from now on."""
    tokens = oidc.refresh(client, found.tokens.refresh)
    seal_tokens(found.row, tokens)
    with access.scope(organization_id=found.row.organization_id):
        found.row.save(update_fields=["access_sealed", "refresh_sealed"])
    return tokens


def _take_word(row: ProviderSession, said: Claims, now: datetime) -> bool:
    """Saves that the provider vouched, and what its groups mean. False when the person has nothing left here."""
    with access.scope(organization_id=row.organization_id):
        role = role_for(said.groups)
        # userinfo may leave the address out; then what it was at sign-in counts
        problem = address_problem(said) if said.email else ""
        settled = not problem and is_in_line(row.person_id, role)
        if settled:
            ProviderSession.objects.filter(pk=row.pk).update(asked_at=now, confirmed_at=now)
            return True
    return _change(row, None if problem else role, now, vouched=not problem)


def _change(row: ProviderSession, role: str | None, now: datetime, *, vouched: bool) -> bool:
    """Also where the membership stays, the session ends that the provider no longer vouches for."""
    with changing(row.organization_id, ACTOR) as change:
        stays = bring_in_line(change, row.person, role) is not None and vouched
        mine = ProviderSession.objects.filter(pk=row.pk)
        if stays:
            mine.update(asked_at=now, confirmed_at=now)
        else:
            mine.delete()
    return stays
