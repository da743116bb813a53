"""Who owns what a provider keeps: a project. Written down before an id is given out, asked before one is used.

Inside an organization the project is the wall: each of its keys may go on with what another of them began, and no
key of another project may.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from orbit.lib.errors import Code, OrbitError
from proxy.call import Call
from proxy.context import Account, Principal
from proxy.references import ITEM, RESPONSE, Reference, may_refer, object_references
from proxy.request import GatewayRequest
from proxy.snapshot import Snapshots
from proxy.targets import no_credential, renew
from tenants.models import ProviderObject
from tenants.services import forget_response, keep_objects, owned_objects

logger = logging.getLogger(__name__)

KEPT = (RESPONSE, ITEM)
MOST = 500  # ids in one body


class Withheld(Exception):
    """The owner of an id could not be written down, so the client does not get it."""

    def __init__(self) -> None:
        super().__init__("owner not written down")
        self.error = unavailable()


def unavailable() -> OrbitError:
    return OrbitError(
        Code.OBJECTS_UNAVAILABLE,
        "Who owns the stored response cannot be written down or looked up right now. Try again, or send "
        "'store': false.",
        retry_after_s=1,
    )


def not_found(param: str) -> OrbitError:
    """One answer for what is unknown, somebody else's, or of a kind that the gateway keeps no account of."""
    return OrbitError(
        Code.NOT_FOUND, f"{param!r} names nothing that this key's project has stored here.", param=param
    )


def keeps(call: Call) -> bool:
    """Whether the provider will keep what it answers."""
    return call.spoken == "responses" and call.translated is None and call.body.get("store") is not False


async def named_by(
    raw: GatewayRequest, principal: Principal, endpoint: str, body: Mapping[str, Any]
) -> frozenset[str] | None:
    """The accounts that a request must go to because they have what it refers to; None when it refers to nothing."""
    if not may_refer(body, raw.body):
        return None
    return await accounts_of(raw.runtime.snapshots, principal, object_references(endpoint, body))


async def accounts_of(
    snapshots: Snapshots, principal: Principal, references: Sequence[Reference]
) -> frozenset[str] | None:
    """The accounts that own all that is referred to; None when nothing is. NOT_FOUND for what is not the project's."""
    if not references:
        return None
    for one in references:
        if one.kind not in KEPT:
            raise not_found(one.param)
    if len(references) > MOST:
        raise OrbitError(Code.INVALID_REQUEST, f"The body refers to more than {MOST} stored objects.")
    rows = await _owned(snapshots, principal, {one.id for one in references})
    found: frozenset[str] | None = None
    for one in references:
        accounts = frozenset(
            str(row.account_id) for row in rows if (row.kind, row.object_id) == (one.kind, one.id)
        )
        found = accounts if found is None else found & accounts
        if not found:
            raise not_found(one.param)
    return found


async def owned_response(
    snapshots: Snapshots, principal: Principal, response_id: str
) -> tuple[ProviderObject, Account]:
    """A stored response of the key's project, and the account that has it."""
    rows = await _owned(snapshots, principal, {response_id})
    row = next((one for one in rows if one.kind == RESPONSE), None)
    account = account_of(principal, str(row.account_id)) if row is not None else None
    if row is None or account is None:
        raise not_found("response_id")
    await renew([account])
    if not account.ready:
        raise no_credential()
    return row, account


def account_of(principal: Principal, account_id: str) -> Account | None:
    """An account that some model goes to; only such have their credential at hand."""
    for route in principal.organization.models.values():
        for target in route.targets:
            if target.account.id == account_id:
                return target.account
    return None


async def keep(
    snapshots: Snapshots,
    principal: Principal,
    account_id: str,
    model: str,
    response_id: str,
    objects: Mapping[str, str],
) -> None:
    """Writes down whose these are. Withheld when that cannot be done."""

    def write() -> None:
        keep_objects(
            organization_id=UUID(principal.organization.id),
            project_id=UUID(principal.project.id),
            key_id=UUID(principal.key.id),
            account_id=UUID(account_id),
            model=model,
            response_id=response_id,
            objects=objects,
        )

    try:
        await snapshots.read(write)
    except (DatabaseError, OrbitError) as error:
        logger.warning("owner of %s not written down: %s", response_id, error)
        raise Withheld from error


async def forget(snapshots: Snapshots, row: ProviderObject) -> None:
    def delete() -> None:
        forget_response(
            organization_id=row.organization_id, account_id=row.account_id, response_id=row.object_id
        )

    try:
        await snapshots.read(delete)
    except (DatabaseError, OrbitError) as error:
        raise unavailable() from error


async def _owned(snapshots: Snapshots, principal: Principal, ids: set[str]) -> list[ProviderObject]:
    def read() -> list[ProviderObject]:
        return owned_objects(
            organization_id=UUID(principal.organization.id),
            project_id=UUID(principal.project.id),
            ids=ids,
        )

    try:
        return await snapshots.read(read)
    except (DatabaseError, OrbitError) as error:
        raise unavailable() from error
