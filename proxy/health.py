"""Which accounts are not worth a try right now: as this worker met them, and as the others say.

Five failures in a row open the breaker of an account's model; after a pause one call probes it. A provider that
asks for a pause gets it, and an account without money or with a bad credential stands aside for a while. What one
worker learned the others know within a second, through one sorted set in the store.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orbit.lib.redis import Link, StoreError, StoreUnavailable
from proxy.context import Target
from quotas import keys

logger = logging.getLogger(__name__)

IN_A_ROW = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 60.0
PROBE_S = 5.0  # that a probe may take before another is let through
RATE_PAUSE_S = 1.0  # where the provider names none
CREDENTIAL_S, MONEY_S = 30.0, 60.0
SHARD = 0  # where the shared set lies
KNOWN = 10_000  # conditions that are remembered


class Trouble(StrEnum):
    """Why a provider did not take a call."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER = "server"
    TRANSPORT = "transport"
    CREDENTIAL = "credential"
    FORBIDDEN = "forbidden"  # perhaps only what this call wanted
    NO_MONEY = "no_money"


BREAKING = frozenset({Trouble.OVERLOADED, Trouble.SERVER, Trouble.TRANSPORT})
WHOLE_ACCOUNT = frozenset({Trouble.CREDENTIAL, Trouble.NO_MONEY})
Name = tuple[str, str]  # account, and its model or "" for all


@dataclass(slots=True)
class Condition:
    failures: int = 0
    until: float = 0.0  # seconds since the epoch
    pause_s: float = FIRST_PAUSE_S
    broken: bool = False  # whether the breaker is what holds it back
    probed_until: float = 0.0
    told: bool = False  # by another worker; nothing of it was met here


@dataclass
class Health:
    conditions: dict[Name, Condition] = field(default_factory=dict)
    shared: dict[Name, tuple[float, bool]] = field(default_factory=dict)  # until, broken
    news: dict[Name, tuple[float, bool] | None] = field(
        default_factory=dict
    )  # not yet told; None: well again
    clock: Callable[[], float] = time.time

    @property
    def spotless(self) -> bool:
        return not self.conditions and not self.shared

    def resting(self, target: Target) -> tuple[float, bool]:
        """Until when the target should rest (0 for one that is fine), and whether its breaker is open."""
        if self.spotless:
            return 0.0, False
        now = self.clock()
        account = target.account.id
        found = (self._resting((account, target.model), now), self._resting((account, ""), now))
        return max(found)

    def _resting(self, name: Name, now: float) -> tuple[float, bool]:
        condition = self.conditions.get(name)
        until, broken = self.shared.get(name, (0.0, False))
        if condition is not None and condition.until >= until:
            until, broken = condition.until, condition.broken
        if until > now:
            return until, broken
        if condition is not None and condition.broken and condition.probed_until > now:
            return condition.probed_until, True  # somebody is finding out
        return 0.0, False

    def begins(self, target: Target) -> None:
        """A call goes there; the first one after a pause is the probe."""
        condition = self.conditions.get((target.account.id, target.model)) if self.conditions else None
        if condition is not None and condition.broken:
            condition.probed_until = self.clock() + PROBE_S

    def worked(self, target: Target) -> None:
        if not self.conditions:
            return
        for name in ((target.account.id, target.model), (target.account.id, "")):
            if self.conditions.pop(name, None) is not None:
                self.news[name] = None

    def failed(self, target: Target, trouble: Trouble, retry_after_s: float | None = None) -> None:
        if trouble is Trouble.FORBIDDEN:
            return
        name = (target.account.id, "" if trouble in WHOLE_ACCOUNT else target.model)
        condition = self.conditions.setdefault(name, Condition())
        if len(self.conditions) > KNOWN:
            del self.conditions[next(iter(self.conditions))]
        if trouble in BREAKING:
            self._broke(condition)
            pause = retry_after_s or 0.0
        else:
            pause = {Trouble.CREDENTIAL: CREDENTIAL_S, Trouble.NO_MONEY: MONEY_S}.get(trouble, RATE_PAUSE_S)
            pause = pause if retry_after_s is None else min(retry_after_s, LONGEST_PAUSE_S)
        now = self.clock()
        until = now + min(pause, LONGEST_PAUSE_S)
        if pause and until > condition.until:
            condition.until = until
        if condition.until > now:
            self.news[name] = (condition.until, condition.broken)

    def _broke(self, condition: Condition) -> None:
        now = self.clock()
        condition.failures += 1
        if condition.failures < IN_A_ROW or (condition.broken and condition.until > now):
            return  # calls that were under way when the breaker opened say nothing new
        if condition.broken:
            condition.pause_s = min(condition.pause_s * 2, LONGEST_PAUSE_S)
        condition.broken, condition.told, condition.probed_until = True, False, 0.0
        condition.until = now + condition.pause_s

    async def exchange(self, link: Link) -> None:
        """Tells the other workers what is new here, and takes what they said."""
        at, key = link.at(SHARD), keys.resting(SHARD)
        news, self.news = self.news, {}
        try:
            for name, told in news.items():
                await at.call("ZREM", key, _member(name, False), _member(name, True))
                if told is not None:
                    await at.call("ZADD", key, f"{told[0]:.3f}", _member(name, told[1]))
            await at.call("ZREMRANGEBYSCORE", key, "-inf", f"{self.clock():.3f}")
            self._hear(read_shared(await at.call("ZRANGE", key, 0, KNOWN, "WITHSCORES")))
        except (StoreUnavailable, StoreError) as error:
            self.news = {**news, **self.news}
            logger.debug("what rests is not shared: %s", error)

    def _hear(self, shared: dict[Name, tuple[float, bool]]) -> None:
        """What others have broken off is probed here too, by one call; what they found well again is well."""
        self.shared, now = shared, self.clock()
        for name, condition in list(self.conditions.items()):
            if condition.told and condition.until > now and name not in shared:
                del self.conditions[name]
        for name, (until, broken) in shared.items():
            if broken and name not in self.conditions and len(self.conditions) < KNOWN:
                self.conditions[name] = Condition(IN_A_ROW, until, broken=True, told=True)


def _member(name: Name, broken: bool) -> str:
    return "\n".join((*name, "broken" if broken else ""))


def read_shared(reply: Iterable[Any]) -> dict[Name, tuple[float, bool]]:
    found: dict[Name, tuple[float, bool]] = {}
    members = iter(reply)
    for member, until in zip(members, members, strict=True):
        account, model, broken = member.decode().split("\n")
        found[account, model] = (float(until), broken == "broken")
    return found
