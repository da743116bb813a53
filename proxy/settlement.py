"""The end of a call: what it used, its event, the lease closed. Whatever happens to the client."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from orbit.lib.redis import StoreError, StoreUnavailable
from proxy import events
from proxy.admission import Admission
from proxy.context import Usage
from proxy.supervisor import Supervisor
from quotas.engine import Engine
from quotas.limits import Amounts

logger = logging.getLogger(__name__)

LONGEST_WAIT_S = 2.0


@dataclass(slots=True)
class Attempt:
    """One try at a provider."""

    account: str
    model: str
    started: float = field(default_factory=time.monotonic)
    http_status: int | None = None
    error: str | None = None
    upstream_request_id: str | None = None

    def as_json(self, cost_nano: int | None) -> dict[str, Any]:
        found = {
            "account": self.account,
            "model": self.model,
            "http_status": self.http_status,
            "error": self.error,
            "duration_ms": round((time.monotonic() - self.started) * 1000),
            "cost_nano": cost_nano,
            "upstream_request_id": self.upstream_request_id,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. `usage_source` is one of design §9: provider, partial, estimated, unknown."""

    status: str
    usage: Usage
    usage_source: str
    http_status: int | None = None
    code: str | None = None
    finish_reason: str | None = None
    first_token_ms: int | None = None


@dataclass
class Settler:
    engine: Engine
    supervisor: Supervisor
    open: dict[int, set[str]] = field(default_factory=dict)  # leases in flight by shard

    def opened(self, admission: Admission) -> None:
        self.open.setdefault(admission.lease.shard, set()).add(admission.lease.id)

    def cost(self, admission: Admission, usage: Usage) -> int | None:
        """Nano-units; None for a model without a price."""
        rates = admission.call.target.rates
        if rates is None:
            return None
        return rates.cost_nano(
            usage.input_tokens,
            usage.output_tokens,
            cached=usage.cached or 0,
            cache_write=usage.cache_write or 0,
        )

    def settle(self, admission: Admission, attempt: Attempt, outcome: Outcome) -> int | None:
        """Sends the settlement before it returns, and sees to it that it arrives. Returns the cost."""
        usage = outcome.usage
        cost = self.cost(admission, usage)
        event = events.closing(
            admission.opened,
            admitted_us=admission.lease.admitted_us,
            status=outcome.status,
            code=outcome.code,
            http_status=outcome.http_status,
            usage=usage,
            usage_source=outcome.usage_source,
            cost_nano=cost,
            finish_reason=outcome.finish_reason,
            attempts=[attempt.as_json(cost)],
            duration_ms=round((time.monotonic() - admission.call.started) * 1000),
            first_token_ms=outcome.first_token_ms,
        )
        used = Amounts(usage.input_tokens, usage.output_tokens, cost or 0)
        sent = self.engine.post_settlement(admission.lease, used=used, event=event)
        sent.add_done_callback(lambda done: self._sent(done, admission, used, event))
        return cost

    def _sent(self, done: asyncio.Future[Any], admission: Admission, used: Amounts, event: bytes) -> None:
        if done.cancelled() or done.exception() is not None:
            self.supervisor.spawn(self._again(admission, used, event), "settle-again")
            return
        self._closed(admission)

    async def _again(self, admission: Admission, used: Amounts, event: bytes) -> None:
        """Until it arrives. A repetition changes nothing, and a lease that lapsed meanwhile gets a correction."""
        wait = 0.05
        while True:
            try:
                await self.engine.settle(admission.lease, used=used, event=event)
                break
            except (StoreUnavailable, StoreError) as error:
                logger.warning("settlement of %s waits: %s", admission.lease.id, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
        self._closed(admission)

    def _closed(self, admission: Admission) -> None:
        self.open.get(admission.lease.shard, set()).discard(admission.lease.id)

    async def renew_forever(self, every_s: float) -> None:
        """Prolongs every open lease of this worker, one call a shard."""
        while True:
            await asyncio.sleep(every_s)
            for shard, leases in list(self.open.items()):
                if not leases:
                    del self.open[shard]
                    continue
                try:
                    await self.engine.renew(shard, list(leases))
                except (StoreUnavailable, StoreError) as error:
                    logger.warning("leases of shard %s are not renewed: %s", shard, error)
