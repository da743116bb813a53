"""Keys that go on asking although a limit has no room for any call: from some point on they are answered unread.

The store is asked again every half a second, or when the limit has room by itself, so that a limit that was raised or emptied
is noticed then. What is answered in between costs no body, no store and no database, and is counted like every refusal, in
batches.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import Link, NotSent, StoreError, StoreUnavailable
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
        """A limit had no room. Those that may have some for the next call do not speak for it."""
        if error.code not in BY_LIMITS or not _refuses_every_call(principal, error):
            return
        row = self.rows.get(principal.digest)
        if row is None or row.until <= now:
            if row is None and len(self.rows) >= KEYS:
                return
            row = self.rows[principal.digest] = Row(now + FOR_S)
        row.length += 1
        if row.length == AFTER:
            row.answer = _repeated(error)
            if error.retry_after_s is not None:
                row.until = min(row.until, now + error.retry_after_s)

    def admitted(self, digest: bytes) -> None:
        self.rows.pop(digest, None)

    def count(self, principal: Principal, error: OrbitError) -> None:
        """One that was refused without the store, for the ledger."""
        now_us = time.time_ns() // 1000
        limit, described = str(error.data.get("limit", "")).encode(), principal.refusals.get(UNREAD)
        if described is None:
            described = principal.refusals[UNREAD] = events.refusal(principal, None)
        name = b"%d\n%b\n%b\n%b" % (now_us - now_us % MINUTE_US, error.code.value.encode(), limit, described)
        self.uncounted[principal.organization.shard, name] += 1

    async def send(self) -> None:
        """While the store is away, what is uncounted stays so. What it did not answer may be counted, and is not sent again."""
        for shard, name in list(self.uncounted):
            times = self.uncounted.pop((shard, name), 0)
            try:
                await self.link.at(shard).call("HINCRBY", keys.refused(shard), name, times)
            except NotSent:
                self.uncounted[shard, name] += times
            except (StoreUnavailable, StoreError) as error:
                logger.warning("refusals may not be counted: %s", error)


def _refuses_every_call(principal: Principal, error: OrbitError) -> bool:
    """Whether the limit is every call's, and has no room for the smallest: a full number of requests, a sum that is overspent.

    Tokens and cost may have room for a smaller call, and places of running calls are free within milliseconds.
    """
    if principal.policy is None or "limit" not in error.data:
        return False
    name, level = error.data["limit"], error.data["level"]
    return any(
        limit.name == name
        and limit.level == level != "end_user"
        and limit.models is None
        and limit.per is not None
        and (limit.meter == "requests" or (not limit.smooth and _is_overspent(error.data)))
        for limit in principal.policy.limits
    )


def _is_overspent(data: Mapping[str, Any]) -> bool:
    """More than the whole is spent: even a call that costs nothing is refused. What is only held may come back."""
    return "spent" in data and data["spent"] > data["limit_value"]


def _repeated(error: OrbitError) -> OrbitError:
    return OrbitError(
        error.code,
        f"{error.message} This request was not read: the last {AFTER} of this key were refused within {FOR_S:g} s.",
        data=error.data,
        retry_after_s=error.retry_after_s,
    )
