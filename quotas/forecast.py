"""What RESERVE would say to a request, from figures that were just read. Nothing is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quotas.limits import SMOOTH_US, Amounts
from quotas.status import Reading


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A limit without room for a request. `never` says that the request is larger than the whole limit."""

    reading: Reading
    need: int
    never: bool

    @property
    def only_held(self) -> bool:
        """Whether there would be room if running calls gave back all that they hold."""
        return not self.never and self.need <= self.reading.free + self.reading.counter.held

    @property
    def room_at_us(self) -> int | None:
        """When what is spent no longer is in the way; None when that is not for the clock to say."""
        limit, reading = self.reading.limit, self.reading
        if self.never or self.only_held or limit.per in (None, "total"):
            return None
        if reading.window is not None:
            return reading.window.end
        rate, burst = limit.in_force(reading.at_us)
        over = reading.bucket + (self.need - burst) * SMOOTH_US[limit.per or ""]
        return reading.at_us + -(-over // rate)


def obstacle(readings: Sequence[Reading], need: Amounts) -> Obstacle | None:
    """The limit that would refuse; None when all have room. A request larger than a whole limit comes first."""
    hard = [one for one in readings if not one.limit.shadow]
    return _first(hard, need, never=True) or _first(hard, need, never=False)


def reported(readings: Sequence[Reading], need: Amounts) -> list[Obstacle]:
    """Shadow limits that would have refused, had they not been shadows."""
    shadows = [one for one in readings if one.limit.shadow]
    found = (_first([one], need, never=True) or _first([one], need, never=False) for one in shadows)
    return [one for one in found if one is not None]


def _first(readings: Sequence[Reading], need: Amounts, *, never: bool) -> Obstacle | None:
    for one in readings:
        amount = need.of(one.limit.meter)
        if amount > (one.limit.most(one.at_us) if never else one.free):
            return Obstacle(one, amount, never)
    return None
