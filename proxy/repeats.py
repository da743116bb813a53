"""Keys that go on asking although a limit has no room: from some point on they are answered unread.

The store is asked again every half a second, so that a limit that was raised or emptied is noticed then. What is answered
in between costs no body, no store and no database, and is counted like every refusal, in batches.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field

from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import Link, StoreError, StoreUnavailable
from proxy import events
from proxy.context import Principal
from quotas import keys
from quotas.limits import SMOOTH_US

logger = logging.getLogger(__name__)

AFTER = 25  # refusals in a row
FOR_S = 0.5  # from the first of them on
KEYS = 10_000
UNREAD = ""  # in the place of a model that nobody looked for
BY_LIMITS = (Code.RATE_LIMITED, Code.INSUFFICIENT_QUOTA)
MINUTE_US = SMOOTH_US["minute"]


@dataclass(slots=True)
class Row:
    """Refusals of one key without an admission in between."""

    until: float
    length: int = 0
    answer: OrbitError | None = None  # once the row is long enough


@dataclass
class Repeats:
    """One worker's. Times are the event loop's, in seconds."""

    link: Link
    rows: dict[bytes, Row] = field(default_factory=dict)
    uncounted: Counter[tuple[int, bytes]] = field(
        default_factory=Counter
    )  # by shard and what they are counted under

    def known(self, digest: bytes, now: float) -> OrbitError | None:
        """What a key is told unread; None where it has to be looked at."""
        row = self.rows.get(digest)
        if row is None:
            return None
        if row.until <= now:
            del self.rows[digest]
            return None
        return row.answer

    def refused(self, principal: Principal, error: OrbitError, now: float) -> None:
        """A limit had no room. Those that not every call of the key meets do not speak for the next one."""
        if error.code not in BY_LIMITS or not _meets_every_call(principal, error):
            return
        row = self.rows.get(principal.digest)
        if row is None or row.until <= now:
            if row is None and len(self.rows) >= KEYS:
                return
            row = self.rows[principal.digest] = Row(now + FOR_S)
        row.length += 1
        if row.length == AFTER:
            row.answer = _repeated(error)

    def admitted(self, digest: bytes) -> None:
        self.rows.pop(digest, None)

    def count(self, principal: Principal, error: OrbitError) -> None:
        """One that was answered unread, for the ledger."""
        now_us = time.time_ns() // 1000
        limit, described = str(error.data["limit"]).encode(), principal.refusals.get(UNREAD)
        if described is None:
            described = principal.refusals[UNREAD] = events.refusal(principal, None)
        name = b"%d\n%b\n%b\n%b" % (now_us - now_us % MINUTE_US, error.code.value.encode(), limit, described)
        self.uncounted[principal.organization.shard, name] += 1

    async def send(self) -> None:
        """While the store is away, what is uncounted stays so."""
        given, self.uncounted = self.uncounted, Counter()
        for (shard, name), times in given.items():
            try:
                await self.link.at(shard).call("HINCRBY", keys.refused(shard), name, times)
            except StoreUnavailable:
                self.uncounted[shard, name] += times
            except StoreError as error:
                logger.warning("refusals are not counted: %s", error)


def _meets_every_call(principal: Principal, error: OrbitError) -> bool:
    if principal.policy is None or "limit" not in error.data:
        return False
    name, level = error.data["limit"], error.data["level"]
    return any(
        limit.name == name and limit.level == level != "end_user" and limit.models is None
        for limit in principal.policy.limits
    )


def _repeated(error: OrbitError) -> OrbitError:
    return OrbitError(
        error.code,
        f"{error.message} This request was not read: the last {AFTER} of this key were refused within {FOR_S:g} s.",
        data=error.data,
        retry_after_s=error.retry_after_s,
    )
