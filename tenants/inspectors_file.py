"""Inspectors as the declarative file says them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from orbit.lib import money
from tenants.callers import Caller
from tenants.models import Inspector
from tenants.schema.inspectors import Inspector as Entry
from tenants.sections import Section
from tenants.services.held_credentials import NewCredential
from tenants.services.inspectors import delete_inspector, save_inspector
from tenants.services.saved import Actor, Saved


def _save(organization_id: UUID, entry: Entry, actor: Actor) -> Saved[Inspector]:
    given = entry.credential
    return save_inspector(
        organization_id=organization_id,
        name=entry.name,
        kind=entry.kind,
        base_url=entry.base_url or "",
        options=entry.options,
        price=entry.price,
        price_per=entry.price_per,
        credential=NewCredential(value=given.value or "", ref=given.ref or "") if given else None,
        actor=actor,
        by_operator=isinstance(actor, str) or (isinstance(actor, Caller) and actor.is_operator),
    )


def _warn(entry: Entry) -> Iterator[str]:
    if entry.credential is not None and entry.credential.value:
        yield "credential.value: a secret stands in the file. It is sealed now; take it out of the file."
    row = Inspector.objects.get(name=entry.name)
    if row.needs_credential and not row.has_credential:
        yield "credential: the inspector has none, so nothing can be asked of it."


def _paths() -> list[str]:
    return list(Inspector.objects.values_list("name", flat=True))


def _remove(organization_id: UUID, path: str, actor: Actor) -> None:
    delete_inspector(organization_id=organization_id, name=path, actor=actor)


def _export() -> list[dict[str, Any]]:
    return [_entry(row) for row in Inspector.objects.order_by("name")]


def _entry(row: Inspector) -> dict[str, Any]:
    made: dict[str, Any] = {"name": row.name, "kind": row.kind, "base_url": row.base_url}
    if row.options:
        made["options"] = row.options
    if row.price_nano:
        made |= {"price": money.amount(row.price_nano), "price_per": row.price_per}
    return made | ({"credential": {"ref": row.credential_ref}} if row.credential_ref else {})


INSPECTORS = Section(
    "inspectors", "inspector", lambda entry: str(entry.name), _save, _paths, _remove, _export, _warn
)
