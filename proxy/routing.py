"""In which order a call's targets are tried: weights, affinity, what rests, fallbacks. And how often again."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from orbit.lib.errors import Code, OrbitError
from proxy.checks import matches
from proxy.context import ModelRoute, Principal, Target
from proxy.health import Health
from proxy.targets import ready, serving

SHARE = 0.1  # of an account's calls that may be repetitions
FEW = 3  # that may be so however few calls there are
WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Stop:
    """One place of a plan: a target, and the alias under whose limits it is called."""

    alias: str
    target: Target


Plan = tuple[Stop, ...]


def planned(principal: Principal, route: ModelRoute, endpoint: str, token: str, health: Health) -> Plan:
    """The targets in the order in which they are tried; OrbitError when there is none to try.

    `token` keeps what belongs together on one target; "" leaves it to chance. What rests comes last. A fallback is
    an alias of its own, tried only by keys that may use it.
    """
    targets = serving(route, endpoint)
    if not route.fallbacks:
        targets = ready(targets)
        if len(targets) == 1 and health.spotless:
            return (Stop(route.alias, targets[0]),)
    own = [one for one in targets if one.account.ready]
    stops = [Stop(route.alias, one) for one in _ordered(own, token)]
    stops += [stop for alias in route.fallbacks for stop in _fallback(principal, alias, endpoint, token)]
    if not stops:
        ready(targets)
    if health.spotless:
        return tuple(stops)
    rests = {id(stop): health.resting(stop.target) for stop in stops}
    fit = [stop for stop in stops if not rests[id(stop)][0]]
    tired = sorted((stop for stop in stops if rests[id(stop)][0]), key=lambda stop: rests[id(stop)][0])
    if not fit and all(rests[id(stop)][1] for stop in tired):
        until = rests[id(tired[0])][0]
        raise OrbitError(
            Code.UPSTREAM_ERROR,
            "The provider has failed repeatedly and is left alone for a moment. Try again.",
            retry_after_s=max(0.0, until - health.clock()),
        )
    return tuple(fit + tired)


def _fallback(principal: Principal, alias: str, endpoint: str, token: str) -> list[Stop]:
    route, policy = principal.organization.models.get(alias), principal.policy
    if route is None or policy is None or not all(matches(alias, allowed) for allowed in policy.models):
        return []
    try:
        targets = ready(serving(route, endpoint))
    except OrbitError:
        return []  # a fallback that cannot help is none
    return [Stop(alias, one) for one in _ordered(targets, token)]


def _ordered(targets: Sequence[Target], token: str) -> Sequence[Target]:
    """Drawn by weight: by chance, or always alike for one token (rendezvous hashing). Those of weight 0 follow as they
    stand."""
    if len(targets) == 1:
        return targets
    shared = sorted((one for one in targets if one.weight), key=lambda one: _distance(one, token))
    return shared + [one for one in targets if not one.weight]


def _distance(target: Target, token: str) -> float:
    if token:
        name = f"{target.account.id}\n{target.model}\n{token}".encode()
        drawn = (int.from_bytes(blake2b(name, digest_size=7).digest(), "big") + 1) / (2**56 + 1)
    else:
        drawn = 1.0 - random.random()  # noqa: S311 - spreads load
    return -math.log(drawn) / target.weight


@dataclass(slots=True)
class Lately:
    """An account's calls and repetitions in the window that is running."""

    since: float
    calls: int = 0
    repetitions: int = 0


@dataclass
class Budget:
    """How often calls may be repeated at the same account: a share of its calls of the last seconds."""

    accounts: dict[str, Lately] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def begins(self, account: str) -> None:
        self._lately(account).calls += 1

    def repeats(self, account: str) -> bool:
        """Whether one more repetition is within the budget; it is counted then."""
        lately = self._lately(account)
        if lately.repetitions >= max(FEW, int(lately.calls * SHARE)):
            return False
        lately.repetitions += 1
        return True

    def _lately(self, account: str) -> Lately:
        now = self.clock()
        found = self.accounts.get(account)
        if found is None or found.since < now - WINDOW_S:
            found = self.accounts[account] = Lately(now)
        return found
