"""Inspectors outside of the gateway. Destination and secret are one unit, as of provider accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings

from dlp.external.base import Found, Question
from dlp.external.client import Client, Spent, Unanswered, Where
from dlp.external.registry import KINDS
from orbit.lib import access, money
from orbit.lib.egress import CLIENTS, Egress
from orbit.lib.errors import InputError
from orbit.lib.exchange import Timeouts
from tenants.models import Inspector, PolicyRevision
from tenants.rights import Right
from tenants.schema import values
from tenants.secrets import resolve
from tenants.secrets.stores import FIELD
from tenants.services.held_credentials import (
    NewCredential,
    check_credential,
    check_credential_belongs,
    credential_shown,
    renew_credential,
)
from tenants.services.policies import inspectors_named
from tenants.services.saved import Actor, Saved, changing, differences, valid

MOST = 50  # of an organization
TRIED_S = 10.0
LONGEST_TRIED = 20_000  # characters


def save_inspector(
    *,
    organization_id: UUID,
    name: str,
    kind: str,
    actor: Actor,
    base_url: str = "",
    options: Mapping[str, Any] | None = None,
    price: str = "0",
    price_per: str = Inspector.PricePer.THOUSAND_REQUESTS,
    credential: NewCredential | None = None,
    without_credential: bool = False,
    by_operator: bool = False,
) -> Saved[Inspector]:
    """`base_url` is the kind's own where none is given and the kind has one.

    Without `credential` the stored one is kept, unless kind or address change; `without_credential` takes it away. A
    reference must be inside of the organization's own part of a store, as a provider account's.
    """
    valid("name", values.name, name)
    wanted = checked_inspector(
        kind=kind, base_url=base_url, options=options or {}, price=price, price_per=price_per
    )
    credential = _checked(kind, credential)
    if credential is not None and without_credential:
        raise InputError(FIELD, "is given and taken away at once", "do one of the two")
    with changing(organization_id, actor, Right.ACCOUNTS_WRITE) as change:
        row = Inspector.objects.filter(name=name).first()
        created = row is None
        if row is None:
            if Inspector.objects.count() >= MOST:
                raise InputError("name", f"would be more than {MOST} inspectors", "delete one first")
            row, new, before = Inspector(organization_id=organization_id, name=name, **wanted), wanted, None
        else:
            new = differences(row, wanted)
            before = {one: getattr(row, one) for one in new}
        shown = credential_shown(row, FIELD)
        moved = bool({"kind", "base_url"} & new.keys())
        ref = credential.ref if credential is not None else ""
        if ref and not by_operator and (moved or ref != row.credential_ref):
            check_credential_belongs(FIELD, ref, change.organization)
        renewed = renew_credential(row, FIELD, credential, void=moved or without_credential)
        if not created and not new and not renewed:
            return Saved(row, created=False)
        for attribute, value in new.items():
            setattr(row, attribute, value)
        row.save()
        if renewed:
            new = new | {FIELD: credential_shown(row, FIELD)}
            before = before if before is None else before | {FIELD: shown}
        change.act("inspector.create" if created else "inspector.update", name, before, new)
        change.raise_version()
    return Saved(row, created=created, fields=tuple(new))


def delete_inspector(*, organization_id: UUID, name: str, actor: Actor) -> None:
    with changing(organization_id, actor, Right.ACCOUNTS_WRITE) as change:
        row = Inspector.objects.filter(name=name).first()
        if row is None:
            raise InputError("inspector", f"there is no inspector {name!r}")
        policies = policies_naming(name)
        if policies:
            raise InputError(
                "inspector",
                f"policy {policies[0]!r} names it",
                "take it out of the policy's dlp.inspectors first",
            )
        before = {"kind": row.kind, "base_url": row.base_url, "options": row.options}
        row.delete()
        change.act("inspector.delete", name, before)
        change.raise_version()


def policies_naming(name: str) -> list[str]:
    """Of the organization in scope, whose revision in force names the inspector."""
    revisions = PolicyRevision.objects.select_related("policy").order_by("policy__name")
    current = (one for one in revisions if one.number == one.policy.revision)
    return [one.policy.name for one in current if name in inspectors_named(one.document)]


def checked_inspector(
    *, kind: str, base_url: str = "", options: Mapping[str, Any], price: str, price_per: str
) -> dict[str, Any]:
    """What an inspector of this kind will say, completed; InputError names the field that is wrong."""
    valid("kind", lambda text: values.one_of(text, KINDS), kind)
    valid("price_per", lambda text: values.one_of(text, Inspector.PricePer.values), price_per)
    facts = KINDS[kind]
    base_url = base_url or facts.base_url or ""
    if not base_url:
        raise InputError("base_url", "is missing", "where it answers, such as https://inspector.example.com")
    url = valid("base_url", lambda text: values.base_url(text, settings.ORBIT_PRIVATE_TARGETS), base_url)
    if len(url) > 500:
        raise InputError("base_url", "must be at most 500 characters")
    try:
        known = facts.options(options)
    except InputError as error:
        raise InputError(f"options.{error.path}", error.message, error.suggestion) from None
    amount = money.nano(valid("price", lambda text: values.cost(text, least=0), price))
    return {"kind": kind, "base_url": url, "options": known, "price_nano": amount, "price_per": price_per}


def where_of(row: Inspector) -> Where:
    return Where(
        id=str(row.pk),
        name=row.name,
        kind=row.kind,
        base_url=row.base_url,
        options=row.options,
        price_nano=row.price_nano,
        per_gigabyte=row.price_per == Inspector.PricePer.GIGABYTE,
    )


def try_inspector(*, organization_id: UUID, name: str, text: str) -> list[Found]:
    """Sends the text, as it is, and says what was found. Unanswered, or CredentialUnavailable, when that fails."""
    if not text.strip() or len(text) > LONGEST_TRIED:
        raise InputError("text", f"must have 1 to {LONGEST_TRIED:,} characters")
    with access.scope(organization_id=organization_id):
        row = Inspector.objects.select_related("organization").filter(name=name).first()
    if row is None:
        raise InputError("inspector", f"there is no inspector {name!r}")
    secret = resolve(row).reveal() if row.has_credential else ""
    question = Question([text], ["user"], "test", row.organization.slug, "test", "request")
    (found,) = asyncio.run(_asked(where_of(row), secret, question))
    return found


async def _asked(where: Where, secret: str, question: Question) -> list[list[Found]]:
    times = Timeouts(TRIED_S, TRIED_S, TRIED_S, TRIED_S)
    egress = Egress(settings.ORBIT_PRIVATE_TARGETS, times, CLIENTS["wire"])
    try:
        return await Client(egress, most=1).find(where, secret, question, TRIED_S, Spent())
    finally:
        await egress.close()


def _checked(kind: str, credential: NewCredential | None) -> NewCredential | None:
    if credential is None or not credential.value or credential.ref:
        check_credential(FIELD, credential)
        return credential
    value = valid(f"{FIELD}.value", KINDS[kind].checked_secret, credential.value.strip())
    made = NewCredential(value=value)
    check_credential(FIELD, made)
    return made


WHY = {
    "deadline": "it did not answer in time",
    "cap": "the texts are larger than it is sent",
    "format": "the text or the credential cannot be sent",
    "bad_answer": "its answer is not as its kind says",
    "refused": "it refused the request",
    "failed": "it could not be reached, or failed",
    "address": "its address may not be reached from here",
    "credential": "its credential is missing, or no good",
    "absent": "there is no such inspector",
}


def why_words(error: Unanswered) -> str:
    """For people: what went wrong, and what was told of it."""
    told = str(error)
    return WHY[error.why] + (f" ({told})" if told != error.why else "")
