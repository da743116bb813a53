"""What one worker may admit by itself while the store cannot be asked. Pure: no I/O, time is passed in.

Each worker has its share of each limit, a whole number of its workers-th part and at least 1, so that all together stay
near the limit whoever gets the calls. Cost is never admitted so; other limits that are no smooth rate of requests only
where the policy says so. Shadow limits are not asked. Nothing is known here of what the store had counted before.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from quotas.chain import Chain, Windows, kind_of
from quotas.limits import SMOOTH_US, Amounts, Limit

EVICTION_TRIES = 16  # idle counters are looked for among so many of the longest unused


@dataclass(frozen=True, slots=True)
class LocalRefusal:
    """This worker's share of `limit` has no room. `retry_at_us` is None where nobody knows when there will be."""

    limit: Limit
    share: int
    taken: int
    retry_at_us: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """Only the store can admit this call: because of what `limit` counts, or because there are more counters than fit."""

    limit: Limit
    reason: Literal["kind", "full"]


@dataclass(slots=True)
class _Counter:
    """`used` is a count, or of a smooth window a bucket in units of (amount x period) as of `at`."""

    used: int = 0
    at: int = 0
    rate: int = 0  # by which a bucket drains each microsecond
    ends: int | None = None  # of a calendar window

    def idle(self, now_us: int) -> bool:
        """Whether it says no more than a counter that is not there."""
        if self.ends is not None:
            return now_us >= self.ends
        return self.used <= max(0, now_us - self.at) * self.rate


@dataclass(slots=True)
class _Taking:
    """One limit of a call, judged: what its counter will be should every limit have room."""

    key: str
    counter: _Counter
    running: bool  # whether the end of the call gives it back
    refusal: LocalRefusal | None


class LocalShares:
    def __init__(self, workers: int, *, counters_at_most: int = 100_000) -> None:
        self._workers = max(1, workers)
        self._at_most = counters_at_most
        self._counters: OrderedDict[str, _Counter] = OrderedDict()  # longest unused first
        self._running: dict[str, set[str]] = {}  # counters of concurrency by lease

    def take(
        self,
        chain: Chain,
        lease_id: str,
        amounts: Amounts,
        *,
        end_user: str | None,
        now_us: int,
        open_closed: bool,
    ) -> LocalRefusal | Closed | None:
        """Takes `amounts` from the share of every limit, or from none. None says that the call is admitted.

        `open_closed` is the policy's `on_store_failure: local_share`. Once for each call, and `release` when it ends.
        """
        asked = [(one, pair) for one, pair in zip(chain.limits, chain.windows, strict=True) if not one.shadow]
        for limit, _ in asked:
            if limit.meter == "cost" or not (open_closed or kind_of(limit) == "r"):
                return Closed(limit, "kind")
        takings = [self._judge(limit.for_user(end_user), pair, amounts, now_us) for limit, pair in asked]
        for taking in takings:
            if taking.refusal is not None:
                return taking.refusal
        if not self._has_room_for({one.key for one in takings}, now_us):
            return Closed(asked[-1][0], "full")
        for taking in takings:
            self._counters[taking.key] = taking.counter
            self._counters.move_to_end(taking.key)
        if running := {one.key for one in takings if one.running}:
            self._running[lease_id] = running
        return None

    def release(self, lease_id: str) -> None:
        """The call has ended: its slots of concurrency are free. May be said again, and of calls of the store's."""
        for key in self._running.pop(lease_id, ()):
            counter = self._counters[key]
            counter.used -= 1
            if not counter.used:
                del self._counters[key]

    def clear(self) -> None:
        """The store is back and has been told: what calendar windows took here begins anew with the next outage.

        Buckets drain by themselves and slots are released by their calls, so that a store which comes and goes
        every second gives no burst away with each return.
        """
        for key in [key for key, counter in self._counters.items() if counter.ends is not None]:
            del self._counters[key]

    def _judge(self, limit: Limit, pair: Windows, amounts: Amounts, now_us: int) -> _Taking:
        need = amounts.of(limit.meter)
        whole, burst = limit.in_force(now_us)
        if limit.smooth and limit.per is not None:
            return self._judge_bucket(limit, need, self._share(whole), self._share(burst), now_us)
        share, key, ends = self._share(whole), limit.counter, None
        if pair is not None:
            window = pair[0] if now_us < pair[0].end else pair[1]
            key, ends = f"{key}@{window.start}", window.end
        before = self._counters.get(key)
        used = before.used if before is not None else 0
        refusal = None
        if used + need > share:
            refusal = LocalRefusal(limit, share, used, ends if need <= share else None)
        return _Taking(key, _Counter(used + need, now_us, ends=ends), pair is None, refusal)

    def _judge_bucket(self, limit: Limit, need: int, rate: int, burst: int, now_us: int) -> _Taking:
        """Units of (amount x period) that drain by `rate` each microsecond: exact, and the same as in reserve.lua."""
        period = SMOOTH_US[limit.per or ""]
        before = self._counters.get(limit.counter) or _Counter(0, now_us)
        at = max(before.at, now_us)  # a clock that was set back gives nothing and takes nothing
        used = max(0, before.used - (at - before.at) * rate)
        over = used + (need - burst) * period
        refusal = None
        if over > 0:
            retry_at = at - (-over // rate) if need <= burst and rate else None
            refusal = LocalRefusal(limit, burst, -(-used // period), retry_at)
        return _Taking(limit.counter, _Counter(used + need * period, at, rate), False, refusal)

    def _share(self, whole: int) -> int:
        return min(whole, max(1, whole // self._workers))

    def _has_room_for(self, keys: set[str], now_us: int) -> bool:
        """Makes room for these counters by dropping idle ones, which are worth as much as absent ones."""
        missing = len(self._counters) + len(keys - self._counters.keys()) - self._at_most
        for _ in range(min(EVICTION_TRIES, len(self._counters))):
            if missing <= 0:
                break
            key, counter = next(iter(self._counters.items()))
            if key not in keys and counter.idle(now_us):
                del self._counters[key]
                missing -= 1
            else:
                self._counters.move_to_end(key)
        return missing <= 0
