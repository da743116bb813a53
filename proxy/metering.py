"""The reservation of a stream, extended ahead of its use.

A call of a policy with `output_reserve: learned` holds what its key usually needs, not the most that it may
write. As the stream grows, more is taken from the same limits in the background; the relay waits only when
what is held is used up. Should a limit refuse, the stream ends where its reservation does.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from math import inf

import orjson

from orbit.lib.clock import from_us, rfc3339
from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import StoreError, StoreUnavailable
from proxy import events
from proxy.admission import (
    Admission,
    amounts_of,
    describe,
    describe_caller,
    in_words,
    limit_data,
    reserved_json,
    shown,
)
from proxy.output import Output
from proxy.supervisor import Supervisor
from quotas import tokens
from quotas.chain import Refusal
from quotas.engine import Engine, Gone
from quotas.journal import Journal
from quotas.limits import Amounts

logger = logging.getLogger(__name__)

FIRST_STEP = 256  # tokens; each further step is twice as large
LARGEST_STEP = 16_384
SMALLEST_STEP = 16  # what is still asked for when a limit has no room for a larger one
AHEAD = 64  # tokens of room at which more is asked for
LOOK = 64 * 1024  # bytes of text that are left uncounted


class LimitReached(Exception):
    """The stream has used what it holds, and gets no more."""

    def __init__(self, error: OrbitError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass
class Meter:
    """One stream's reservation. Ask `allow` whenever its output is larger than `until`."""

    engine: Engine
    supervisor: Supervisor
    journal: Journal
    admission: Admission
    output: Output
    until: float = 0  # bytes of output up to which nothing has to be done
    step: int = FIRST_STEP
    largest: int = LARGEST_STEP
    refused: OrbitError | None = None  # there will be no more
    failed: OrbitError | None = None  # the last try failed; another may not
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        call = self.admission.call
        self.most = call.output_most  # the provider was told so: nobody needs to hold more
        self._look_later()

    @property
    def held(self) -> int:
        """Output tokens that are reserved."""
        return self.admission.lease.amounts.output_tokens

    @property
    def used(self) -> int:
        """Output tokens that were written, or a few more."""
        return self.output.bound

    @property
    def ahead(self) -> int:
        return min(AHEAD, self.held // 4)

    async def allow(self) -> None:
        """Returns when what has come has room. LimitReached when it has not and gets none."""
        if self.task is None and self.output.unknown <= tokens.ON_LOOP:
            await self.output.count()
        self.failed = None
        while self.held < self.most:
            if not (self.task or self.refused or self.failed) and self._has_to_act():
                self.task = self.supervisor.spawn(self._extend(), "extend")
                self.task.add_done_callback(self._extended)
            if self.used <= self.held:
                break
            if self.task is not None:
                await asyncio.wait({self.task})
            elif error := self.refused or self.failed:
                raise LimitReached(error)
        self._look_later()

    def _wants_more(self) -> bool:
        return self.used + self.ahead > self.held

    def _has_to_act(self) -> bool:
        return self._wants_more() or self.output.unknown >= LOOK

    def _look_later(self) -> None:
        if self.held >= self.most:
            self.until = inf
            return
        room = self.held - self.used
        if self.failed:
            room //= 2  # another try before it is used up
        elif not (self.task or self.refused):
            room -= self.ahead
        self.until = self.output.size + max(0, min(room, LOOK))

    def _extended(self, task: asyncio.Task[None]) -> None:
        self.task = None
        if task.cancelled() or task.exception() is not None:
            self.failed = _unavailable()

    async def _extend(self) -> None:
        """Counts what has come, and takes more as long as more is wanted."""
        await self.output.count()
        while self.held < self.most and self._wants_more():
            want = min(
                max(self.step, self.used + self.ahead - self.held), self.largest, self.most - self.held
            )
            try:
                refusal = await self._take(want)
            except Gone:
                self.refused = _lapsed()
                return
            except (StoreUnavailable, StoreError) as error:
                logger.warning("the reservation of %s is not extended: %s", self.admission.lease.id, error)
                self.failed = _unavailable()
                return
            if refusal is None:
                self.step *= 2
            elif want > SMALLEST_STEP:
                self.largest = want // 2
            else:
                self.refused = _refused(refusal)
                return

    async def _take(self, want: int) -> Refusal | None:
        """Reserves so much more output; the refusal if a limit has no room for it."""
        admission = self.admission
        call, lease = admission.call, admission.lease
        held, total = lease.amounts, amounts_of(call, lease.amounts.input_tokens, self.held + want)
        more = Amounts(0, want, max(0, total.cost_nano - held.cost_nano))
        total = Amounts(held.input_tokens, total.output_tokens, held.cost_nano + more.cost_nano)
        opened = events.holding(admission.opened, reserved_json(total))
        found = await self.engine.extend(
            lease,
            more,
            event=orjson.dumps(opened),
            refusal=describe_caller(call),
            end_user=call.end_user,
        )
        if isinstance(found, Refusal):
            return found
        admission.lease, admission.opened = found, opened
        self.journal.grown(lease.shard, lease.id, admission.opening())
        return None


def _refused(refusal: Refusal) -> OrbitError:
    """The limit that ended a stream, with its figures."""
    standing = refusal.standing
    limit, data = standing.limit, limit_data(standing)
    if refusal.retry_at_us is not None:
        data["retry_at"] = rfc3339(from_us(refusal.retry_at_us))
    return OrbitError(
        Code.LIMIT_REACHED,
        f"The {describe(limit)} of {shown(limit, data['limit_value'])} has no room for more output: "
        f"{in_words(standing)}. The answer ends here; what came so far was charged.",
        data=data,
    )


def _lapsed() -> OrbitError:
    return OrbitError(
        Code.LIMIT_REACHED,
        "The reservation of this call has lapsed and cannot be extended. The answer ends here; what came so far "
        "was charged.",
    )


def _unavailable() -> OrbitError:
    return OrbitError(
        Code.LIMITER_UNAVAILABLE,
        "Limits cannot be checked right now, so there is no room for more output. The answer ends here; what came "
        "so far was charged.",
    )
