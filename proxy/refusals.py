"""Why single requests were turned away, kept for a day in the store. The ledger counts refusals; it keeps none apart.

Notes leave in batches, are bounded for each organization, and are lost rather than waited for: nobody's limit hangs on them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from redis.exceptions import RedisError

from orbit.lib.errors import OrbitError
from orbit.lib.redis import Link, StoreError, StoreUnavailable
from orbit.lib.store import each
from proxy.context import Principal
from quotas import keys

logger = logging.getLogger(__name__)

EVERY_S = 0.5
AT_ONCE = 20  # of one organization between two batches of a worker
ORGANIZATIONS = 500  # between two batches
KEPT = 300  # the newest of one organization
KEPT_S = 86_400
EARLIER_MS, LATER_MS = 60_000, 900_000  # of a note's place in the stream against its request's id
MOST_WORDS = 600
# Their messages may repeat what stood in the request.
UNQUOTED = frozenset({"invalid_request", "content_blocked"})


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of one refused request. `figures` are of the limit that refused, as the answer had them.

    `message` is None where it could repeat something of the request.
    """

    request_id: str
    at_us: int
    project: str
    key_id: str
    key: str
    endpoint: str
    model: str | None
    code: str
    status: int
    message: str | None
    param: str | None
    figures: Mapping[str, Any]


@dataclass
class Notes:
    """One worker's, on their way to the store."""

    link: Link
    waiting: dict[tuple[int, str], list[bytes]] = field(default_factory=dict)  # by shard and organization

    def add(
        self, principal: Principal, request_id: UUID, endpoint: str, model: str | None, error: OrbitError
    ) -> None:
        place = (principal.organization.shard, principal.organization.id)
        some = self.waiting.get(place)
        if some is None:
            if len(self.waiting) >= ORGANIZATIONS:
                return
            some = self.waiting[place] = []
        if len(some) < AT_ONCE:
            some.append(_written(principal, request_id, endpoint, model, error))

    async def send(self) -> None:
        """What the store does not take now is gone; while it is away, what waits stays as it is."""
        given, self.waiting = self.waiting, {}
        for place, notes in given.items():
            try:
                await self._keep(*place, notes)
            except StoreUnavailable:
                if len(self.waiting) < ORGANIZATIONS:
                    self.waiting.setdefault(place, []).extend(notes[:AT_ONCE])
            except StoreError as error:
                logger.warning("refusals are not noted: %s", error)

    async def _keep(self, shard: int, organization_id: str, notes: list[bytes]) -> None:
        store, key = self.link.at(shard), keys.turned_away(shard, organization_id)
        for note in notes:
            await store.call("XADD", key, "MAXLEN", KEPT, "*", "n", note)
        await store.call("EXPIRE", key, KEPT_S)


def find(places: list[tuple[int, str]], request_id: UUID) -> tuple[str, Note] | None:
    """The note of a request, and whose it is, among organizations given by shard and id. RedisError when the store is away."""
    ms = request_id.int >> 80
    first, last = max(0, ms - EARLIER_MS), ms + LATER_MS
    wanted = str(request_id)
    answers = each([(shard, ("XRANGE", keys.turned_away(shard, one), first, last)) for shard, one in places])
    for (_, organization_id), answer in zip(places, answers, strict=True):
        if isinstance(answer, RedisError):
            continue
        for _, fields in answer:
            told = orjson.loads(fields[b"n"])
            if told["request_id"] == wanted:
                return organization_id, Note(**told)
    return None


def _written(
    principal: Principal, request_id: UUID, endpoint: str, model: str | None, error: OrbitError
) -> bytes:
    return orjson.dumps(
        {
            "request_id": str(request_id),
            "at_us": time.time_ns() // 1000,
            "project": principal.project.slug,
            "key_id": principal.key.id,
            "key": principal.key.name,
            "endpoint": endpoint,
            "model": model[:120] if model else None,
            "code": error.code.value,
            "status": error.status,
            "message": None if error.code.value in UNQUOTED else error.message[:MOST_WORDS],
            "param": error.param,
            "figures": error.data,
        }
    )
