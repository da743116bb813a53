"""What a key may see of itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from redis.exceptions import RedisError

from audit.events import COLUMNS, exported
from audit.models import Event
from orbit.lib import access
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy.admission import unavailable
from proxy.asked import header_user
from proxy.context import Principal
from proxy.request import GatewayRequest
from quotas.status import standing

MOST_USER = 256  # characters of an end user's name that calls are counted by


async def fresh(raw: GatewayRequest) -> Principal | None:
    """The principal, loaded again when the store knows a newer version. A store that is away changes nothing."""
    principal = raw.principal
    if principal is None:
        return None
    organization = principal.organization
    try:
        newest = await raw.runtime.engine.current(organization.shard, organization.id, principal.key.id)
    except (StoreUnavailable, StoreError):
        return principal
    if newest is None or newest[0] > organization.version or newest[1] > principal.key.generation:
        refreshed: Principal | None = await raw.runtime.snapshots.refresh(raw.digest)
        return refreshed
    return principal


def named_user(raw: GatewayRequest) -> str | None:
    """The end user asked for by `?user=`, else by the header that calls name theirs in."""
    asked = parse_qs(raw.query_string.decode("latin-1")).get("user", [""])[0]
    return asked[:MOST_USER] or header_user(raw.header_map)


async def limits(principal: Principal, runtime: Any, end_user: str | None) -> list[dict[str, Any]]:
    """Every limit on the key's chain with spent, held and free.

    Those on each end user have figures of the one that is named, and none when nobody is.
    """
    organization = principal.organization
    chain = principal.policy.limits if principal.policy else ()
    if end_user is not None:
        chain = tuple(limit.for_user(end_user) for limit in chain)

    def read() -> list[dict[str, Any]]:
        found = standing(organization.shard, organization.id, chain, organization.calendar)
        return [one.as_json() for one in found]

    try:
        async with runtime.room.reading(organization.id):
            shown: list[dict[str, Any]] = await runtime.snapshots.read(read)
    except RedisError as error:
        raise unavailable() from error
    return shown


async def request(principal: Principal, request_id: UUID, runtime: Any) -> dict[str, Any] | None:
    """The event of one call of this key."""

    def read() -> dict[str, Any] | None:
        with access.scope(organization_id=UUID(principal.organization.id)):
            event = Event.objects.filter(event_id=request_id, key_id=UUID(principal.key.id)).first()
        return exported({name: getattr(event, name) for name in COLUMNS}) if event else None

    async with runtime.room.reading(principal.organization.id):
        found: dict[str, Any] | None = await runtime.snapshots.read(read)
    return found
