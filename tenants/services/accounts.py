"""Provider accounts. Destination and secret are one unit: a new destination voids the stored secret."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from orbit.lib.errors import InputError
from tenants import kinds
from tenants.models import ModelTarget, ProviderAccount
from tenants.rights import Right
from tenants.schema import values
from tenants.secrets.stores import FIELD, USAGE
from tenants.services.held_credentials import (
    NewCredential,
    check_credential,
    check_credential_belongs,
    credential_shown,
    renew_credential,
)
from tenants.services.saved import Actor, Saved, changing, differences, valid


def save_account(
    *,
    organization_id: UUID,
    name: str,
    kind: str,
    actor: Actor,
    base_url: str = "",
    prices_as: str = "",
    credential: NewCredential | None = None,
    usage_credential: NewCredential | None = None,
    without_usage: bool = False,
    by_operator: bool = False,
) -> Saved[ProviderAccount]:
    """`base_url` and `prices_as` are the kind's own where none is given and the kind has them.

    Without `credential` the stored one is kept, unless kind or address change. The same holds for `usage_credential`,
    which `without_usage` takes away.

    A reference must be inside of the organization's own part of a store, unless it is given `by_operator`, or is
    the one that the account has and its destination stays.
    """
    valid("name", values.name, name)
    wanted = checked_account(kind=kind, base_url=base_url, prices_as=prices_as)
    given = {FIELD: credential, USAGE: usage_credential}
    for which, one in given.items():
        check_credential(which, one)
    if usage_credential is not None and without_usage:
        raise InputError(USAGE, "is given and taken away at once", "do one of the two")
    with changing(organization_id, actor, Right.ACCOUNTS_WRITE) as change:
        account = ProviderAccount.objects.filter(name=name).first()
        created = account is None
        if account is None:
            account = ProviderAccount(organization_id=organization_id, name=name, **wanted)
            new = wanted
            before = None
        else:
            new = differences(account, wanted)
            before = {name: getattr(account, name) for name in new}
        shown = {which: credential_shown(account, which) for which in given}
        moved = bool({"kind", "base_url"} & new.keys())
        renewed = []
        for which, one in given.items():
            another = moved or (one is not None and one.ref != getattr(account, f"{which}_ref"))
            if one is not None and one.ref and another and not by_operator:
                check_credential_belongs(which, one.ref, change.organization)
            void = moved or (which == USAGE and without_usage)
            renewed += [which] if renew_credential(account, which, one, void=void) else []
        if FIELD in renewed:
            account.credential_at = timezone.now() if credential_shown(account, FIELD) else None
        if not created and not new and not renewed:
            return Saved(account, created=False)
        for attribute, value in new.items():
            setattr(account, attribute, value)
        account.save()
        for which in renewed:
            new = new | {which: credential_shown(account, which)}
            before = before if before is None else before | {which: shown[which]}
        change.act("account.create" if created else "account.update", name, before, new)
        change.raise_version()
    return Saved(account, created=created, fields=tuple(new))


def delete_account(*, organization_id: UUID, name: str, actor: Actor) -> None:
    with changing(organization_id, actor, Right.ACCOUNTS_WRITE) as change:
        account = ProviderAccount.objects.filter(name=name).first()
        if account is None:
            raise InputError("account", f"there is no provider account {name!r}")
        target = ModelTarget.objects.select_related("alias").filter(account=account).first()
        if target is not None:
            raise InputError(
                "account", f"model {target.alias.alias!r} goes there", "change or delete the model first"
            )
        before = {"kind": account.kind, "base_url": account.base_url, "prices_as": account.prices_as}
        account.delete()
        change.act("account.delete", name, before)
        change.raise_version()


def checked_account(*, kind: str, base_url: str = "", prices_as: str = "") -> dict[str, Any]:
    """What an account of this kind will say, completed; InputError names the field that is wrong."""
    valid("kind", lambda text: values.one_of(text, kinds.BY_NAME), kind)
    facts = kinds.BY_NAME[kind]
    prices_as = prices_as or facts.prices_as or ""
    if not prices_as:
        raise InputError("prices_as", "is missing", "whose prices apply, such as openai")
    valid("prices_as", values.name, prices_as)
    base_url = base_url or facts.base_url or ""
    if not base_url:
        raise InputError("base_url", "is missing", "where the provider answers")
    url = valid("base_url", lambda text: values.base_url(text, settings.ORBIT_PRIVATE_TARGETS), base_url)
    return {"kind": kind, "base_url": facts.complete(url), "prices_as": prices_as}
