"""The end of a call: what it used, its event, the lease closed. Whatever happens to the client."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orbit.lib.errors import OrbitError
from orbit.lib.redis import Serves, StoreError, StoreUnavailable
from proxy import events, lines
from proxy.admission import Admission
from proxy.context import Usage
from proxy.measures import Measures
from proxy.storing import Contents
from proxy.supervisor import Supervisor
from proxy.watch import Watch
from quotas.chain import Lease
from quotas.engine import Engine
from quotas.journal import Journal
from quotas.limits import Amounts
from quotas.local import LocalShares
from quotas.rates import Rates

if TYPE_CHECKING:
    from proxy.traces.tracer import Tracer

logger = logging.getLogger(__name__)

LONGEST_WAIT_S = 2.0
AT_ONCE = 100  # leases restored together
ENDED = ("OK", "DONE", "LATE")


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
    journal: Journal
    shares: LocalShares
    watch: Watch
    contents: Contents
    measures: Measures
    tracer: Tracer | None = None
    call_lines: bool = False
    open: dict[int, dict[str, Admission]] = field(default_factory=dict)  # in flight, by shard and lease

    def moved(self, admission: Admission) -> None:
        """The reservation went to another target."""
        self.journal.grown(admission.lease.shard, admission.lease.id, admission.opening())

    def opened(self, admission: Admission) -> None:
        lease = admission.lease
        self.open.setdefault(lease.shard, {})[lease.id] = admission
        self.journal.opened(lease.shard, lease.id, admission.opening())
        if lease.local:  # the store may have come back between its silence and now
            self.supervisor.spawn(self._bring(admission), "restore")

    def rates(self, admission: Admission) -> Rates | None:
        """The prices in force when the call was admitted; None for a model without any."""
        known = admission.call.target.rates
        if known is None:
            return None
        rates = known.at(admission.lease.admitted_us)
        return rates if rates.priced else known  # a price that ended between check and admission still holds

    def cost(self, admission: Admission, usage: Usage) -> int | None:
        """Nano-units; None for a model without a price."""
        rates = self.rates(admission)
        return None if rates is None else usage.cost_nano(rates)

    def settle(self, admission: Admission, outcome: Outcome) -> int | None:
        """Sends the settlement before it returns, and sees to it that it arrives. Returns the cost."""
        lease, usage = admission.lease, outcome.usage
        again = admission.over
        admission.end()
        cost = self.cost(admission, usage)
        opened = admission.opened
        if admission.copy is not None:
            content = self.contents.ended(admission, admission.copy)
            opened = {**opened, "detail": {**opened["detail"], "content": content}}
        seconds = time.monotonic() - admission.call.request.started
        inspection = admission.call.request.inspection
        if inspection is not None and (told := inspection.told()):
            opened = {**opened, "detail": {**opened["detail"], "dlp": told}}
        event = events.closing(
            opened,
            admitted_us=lease.admitted_us,
            status=outcome.status,
            code=outcome.code,
            http_status=outcome.http_status,
            usage=usage,
            usage_source=outcome.usage_source,
            cost_nano=cost,
            rates=self.rates(admission),
            finish_reason=outcome.finish_reason,
            attempts=_attempts(admission, cost),
            duration_ms=round(seconds * 1000),
            first_token_ms=outcome.first_token_ms,
        )
        used = Amounts(usage.input_tokens, usage.output_tokens, cost or 0)
        self.journal.closed(lease.shard, lease.id, event)
        sent = self.engine.post_settlement(lease, used=used, event=event)
        sent.add_done_callback(lambda done: self._sent(done, lease, used, event))
        if lease.local:
            self.shares.release(lease.id)
        if not again:
            self.measures.ended(
                admission.call,
                admission.attempts,
                status=outcome.status,
                code=outcome.code,
                usage=usage,
                cost_nano=cost,
                seconds=seconds,
                first_token_ms=outcome.first_token_ms,
            )
            if self.tracer is not None:
                self.tracer.settled(admission, outcome, cost)
            if self.call_lines:
                lines.ended(admission.call, outcome, cost, seconds)
        return cost

    def _sent(self, done: asyncio.Future[Any], lease: Lease, used: Amounts, event: bytes) -> None:
        if not done.cancelled() and done.exception() is None:
            outcome, stream_id = self.engine.settled(lease.shard, done.result())
            if outcome in ENDED:
                self._closed(lease, stream_id)
                return
        self.supervisor.spawn(self._again(lease, used, event), "settle-again")

    async def _again(self, lease: Lease, used: Amounts, event: bytes) -> None:
        """Until it arrives. A repetition changes nothing, and a lease that lapsed meanwhile gets a correction."""
        wait = 0.05
        while True:
            try:
                _, stream_id = await self.engine.settle(lease, used=used, event=event)
                break
            except (StoreUnavailable, StoreError, OrbitError) as error:
                logger.warning("settlement of %s waits: %s", lease.id, error)
            except (
                Exception
            ):  # given up, the lease would be renewed as long as this worker lives, and never end
                logger.exception("settlement of %s waits", lease.id)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT_S)
        self._closed(lease, stream_id)

    def _closed(self, lease: Lease, stream_id: str) -> None:
        admission = self.open.get(lease.shard, {}).pop(lease.id, None)
        self.journal.confirmed(lease.shard, lease.id, stream_id)
        if self.tracer is not None and admission is not None:
            self.tracer.confirmed(admission)

    async def renew(self) -> None:
        """Prolongs every open lease of this worker, one call a shard, and hears whose key was taken away meanwhile."""
        for shard, leases in list(self.open.items()):
            if not leases:
                del self.open[shard]
                continue
            try:
                renewal = await self.engine.renew(shard, [one.lease for one in leases.values()])
                self.watch.told(shard, leases.values(), renewal)
                for lost in renewal.gone:
                    await self._look_after(leases.get(lost))
            except (StoreUnavailable, StoreError) as error:
                logger.warning("leases of shard %s are not renewed: %s", shard, error)

    async def recover(self, serves: Serves) -> None:
        """After the store was away: brings it what it has not got, before anything new is reserved.

        `serves` says which shards are back. Calls that were admitted locally and have ended are settled by their own
        tasks; those in flight hold from now on.
        """
        self.shares.clear()
        known = [shard for shard in {*self.engine.seen, *self.open} if serves(shard)]
        await asyncio.gather(*map(self.engine.fence, known))
        for shard, leases in list(self.open.items()):
            if serves(shard):
                some = list(leases.values())
                for start in range(0, len(some), AT_ONCE):
                    await asyncio.gather(*map(self._restore, some[start : start + AT_ONCE]))

    async def _look_after(self, admission: Admission | None) -> None:
        """A lease that the store no longer has open: lapsed, which the ledger will say, or lost, and then it is opened."""
        if admission is None:
            return
        lease = admission.lease
        try:
            booked = (
                await self.engine.books(lease.chain.organization_id, lease.id) if self.engine.books else None
            )
        except OrbitError:
            return  # the database is away: the next renewal looks again
        if booked is None:
            await self._restore(admission)

    async def _bring(self, admission: Admission) -> None:
        with suppress(StoreUnavailable, StoreError):  # then `recover` does it when the store is back
            await self._restore(admission)

    async def _restore(self, admission: Admission | None) -> None:
        """Changes nothing for a lease that has lapsed, or ended meanwhile."""
        if admission is not None:
            await self.engine.restore(admission.lease, admission.opening())


def _attempts(admission: Admission, cost: int | None) -> list[dict[str, Any]]:
    """One was charged for at most: a provider that may have worked is not given up for another."""
    last = len(admission.attempts) - 1
    return [one.as_json(cost if number == last else 0) for number, one in enumerate(admission.attempts)]
