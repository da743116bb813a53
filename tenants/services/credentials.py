"""Credentials where they are: read to see whether they can be, and sealed anew under the newest master key, with data keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orbit.lib import access
from orbit.lib.errors import InputError
from tenants.models import IdentityProvider, Inspector, Organization, ProviderAccount, ProviderSession
from tenants.secrets import Holder, local, resolve, stores
from tenants.services.data_keys import rewrap_data_keys
from tenants.services.identity_provider import secret_place
from tenants.services.provider_sign_in import token_place
from tenants.services.saved import changing
from tenants.signals import rewrapping


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """How many secrets and data keys of an organization were sealed anew, and what does not open."""

    count: int
    damaged: tuple[str, ...]


def try_credential(*, organization_id: UUID, name: str) -> str:
    """Reads the credential of a stored account and throws it away; returns where it is.

    CredentialUnavailable when it cannot be had; its `reason` may be told to who may change the account.
    """
    with access.scope(organization_id=organization_id):
        account = ProviderAccount.objects.filter(name=name).first()
    if account is None:
        raise InputError("account", f"there is no provider account {name!r}")
    resolve(account)  # outside of the transaction: a store may take its time
    return account.credential_ref or "sealed here"


def rewrap_credentials(*, organization_id: UUID, actor: str) -> Rewrapped:
    """In one transaction. What is sealed under the newest key already is left alone, so it may be run again."""
    count, damaged = 0, []
    with changing(organization_id, actor) as change:
        for account in ProviderAccount.objects.order_by("name"):
            for field in (stores.FIELD, stores.USAGE):
                try:
                    count += _rewrap(account, f"{field}_sealed", stores.place(account, field))
                except local.CannotOpen:
                    damaged.append(account.name)
        for inspector in Inspector.objects.order_by("name"):
            try:
                count += _rewrap(inspector, "credential_sealed", stores.place(inspector))
            except local.CannotOpen:
                damaged.append(inspector.name)
        more, lost = _rewrap_sign_in()
        count, damaged = count + more, [*damaged, *lost]
        more, lost = rewrap_data_keys(change.organization)
        count, damaged = count + more, [*damaged, *lost]
        answers: Any = rewrapping.send(Organization, organization_id=organization_id)
        for _, (more, lost) in answers:
            count, damaged = count + more, [*damaged, *lost]
        if count:
            change.act("credentials.rewrap", change.organization.slug, None, {"credentials": count})
    return Rewrapped(count, tuple(damaged))


def _rewrap_sign_in() -> tuple[int, list[str]]:
    """The provider's secret, and the tokens of its sessions. A session whose tokens do not open is of no use, and ends."""
    count, damaged = 0, []
    for provider in IdentityProvider.objects.all():
        try:
            count += _rewrap(provider, "secret_sealed", secret_place(provider))
        except local.CannotOpen:
            damaged.append("identity provider")
    for session in ProviderSession.objects.all():
        try:
            for field in ("access", "refresh"):
                count += _rewrap(session, f"{field}_sealed", token_place(session, f"{field}_token"))
        except local.CannotOpen:
            session.delete()
    return count, damaged


def _rewrap(row: Holder | IdentityProvider | ProviderSession, field: str, place: local.Place) -> int:
    """How many were sealed anew."""
    sealed = getattr(row, field)
    fresh = local.rewrap(bytes(sealed), place) if sealed is not None else None
    if fresh is None or fresh == bytes(sealed):
        return 0
    setattr(row, field, fresh)
    row.save(update_fields=[field])
    return 1
