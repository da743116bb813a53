"""What a key may see of itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from audit.events import COLUMNS, exported
from audit.models import Event
from orbit.lib import access
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy.admission import unavailable
from proxy.context import Principal
from proxy.request import GatewayRequest
from quotas.status import standing


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


async def limits(principal: Principal, runtime: Any) -> list[dict[str, Any]]:
    """Every limit on the key's chain with spent, held and free."""
    organization, policy = principal.organization, principal.policy

    def read() -> list[dict[str, Any]]:
        found = standing(
            organization.shard, organization.id, policy.limits if policy else (), organization.calendar
        )
        return [one.as_json() for one in found]

    try:
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

    found: dict[str, Any] | None = await runtime.snapshots.read(read)
    return found
