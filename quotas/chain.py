"""The limits of one key and model on their way to the store and back: what RESERVE is given, what it said."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import orjson

from quotas import keys
from quotas.limits import ANY_USER, SMOOTH_US, Amounts, Calendar, Limit, Window, user_digest, window_at
from quotas.packing import Template

Windows = tuple[Window, Window] | None
METERS = {"input_tokens": "i", "output_tokens": "o", "tokens": "t", "cost": "c"}  # others count calls


@dataclass(frozen=True, slots=True)
class Chain:
    """Every limit that applies to one key and model, with all that RESERVE needs besides the amounts.

    `windows` holds, for a calendar limit, this window and the next one; the script's clock picks. Limits on each
    end user stand here for all of them; a call brings its own user's digest.
    """

    shard: int
    organization_id: str
    key_id: str
    limits: tuple[Limit, ...]
    windows: tuple[Windows, ...]
    valid_until: int  # the moment after which the windows must be looked up again, in microseconds
    each_user: bool
    calendar: Calendar
    templates: dict[tuple[int, ...] | str, Template] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def at(
        cls,
        shard: int,
        organization_id: str,
        key_id: str,
        limits: Sequence[Limit],
        calendar: Calendar,
        now_us: int,
    ) -> Chain:
        windows = tuple(_windows(one, calendar, now_us) for one in limits)
        ends = min((pair[1].end for pair in windows if pair), default=2**53)
        each = any(one.user == ANY_USER for one in limits)
        return cls(shard, organization_id, key_id, tuple(limits), windows, ends, each, calendar)

    def as_of(self, us: int) -> Chain:
        """The same limits, in windows that hold a moment."""
        if all(pair is None or pair[0].start <= us < pair[1].end for pair in self.windows):
            return self
        return Chain.at(self.shard, self.organization_id, self.key_id, self.limits, self.calendar, us)

    def user(self, end_user: str | None) -> str:
        """What stands for the end user in this chain's counters; "" when no limit asks."""
        return user_digest(end_user) if self.each_user else ""

    def reserve_template(self, digest: str) -> Template:
        """The call of reserve.lua, packed once for this chain."""
        found = self.templates.get(digest)
        if found is None:
            shard = self.shard
            found = self.templates[digest] = Template.reserve(
                digest,
                [
                    keys.meta(shard),
                    keys.version(shard, self.organization_id),
                    keys.generation(shard, self.key_id),
                    keys.leases(shard),
                    keys.refused(shard),
                ],
                [key for limit, pair in self._pairs() for key in _counters(shard, limit, pair)],
                self.spec(),
            )
        return found

    def settle_template(self, digest: str, which: tuple[int, ...]) -> Template:
        """The call of settle.lua for leases that were taken from these of each limit's two windows."""
        found = self.templates.get(which)
        if found is None:
            shard = self.shard
            found = self.templates[which] = Template.settle(
                digest,
                [keys.meta(shard), keys.leases(shard), keys.stream(shard)],
                self.counters(which, ANY_USER),
                self.spec(),
            )
        return found

    def counters(self, which: Sequence[int], user: str) -> list[str]:
        """The keys that a lease of these windows holds: of all limits but those on smooth requests."""
        return [key for limit, key in self.named(which, user) if kind_of(limit) != "r"]

    def named(self, which: Sequence[int], user: str) -> list[tuple[Limit, str]]:
        """Every limit with the key of its counter in these windows."""
        starts = [
            pair[window].start if pair else None for pair, window in zip(self.windows, which, strict=True)
        ]
        return [
            (limit, keys.counter(self.shard, limit.counter, start).replace(ANY_USER, user))
            for limit, start in zip(self.limits, starts, strict=True)
        ]

    def spec(self) -> bytes:
        """The limits as the scripts read them."""
        return orjson.dumps([spec_of(limit, pair) for limit, pair in self._pairs()])

    def present(self, now_us: int) -> tuple[int, ...]:
        """Which of each limit's two windows holds a moment."""
        return tuple(
            int(pair is not None and now_us >= pair[0].end and pair[0] != pair[1]) for pair in self.windows
        )

    def unseeded(self, index: int, which: int) -> Unseeded:
        pair = self.windows[index]
        return Unseeded(self.limits[index], pair, which)

    def _pairs(self) -> list[tuple[Limit, Windows]]:
        return list(zip(self.limits, self.windows, strict=True))


@dataclass(frozen=True, slots=True)
class Unseeded:
    """A counter that does not exist yet: of each end user, when the limit is on each."""

    limit: Limit
    pair: Windows
    which: int

    @property
    def window(self) -> Window | None:
        return self.pair[self.which] if self.pair else None

    @property
    def spec(self) -> bytes:
        return orjson.dumps(spec_of(self.limit, self.pair))


class Standing(NamedTuple):
    """One limit right after a decision, in its own unit. `resets_at` in microseconds, None when unknown."""

    limit: Limit
    rate: int  # the limit in force
    ceiling: int  # the most that can be spent and held: the burst of a smooth limit
    spent: int
    held: int
    held_calls: int | None
    resets_at: int | None

    @property
    def free(self) -> int:
        return max(0, self.ceiling - self.spent - self.held)

    @classmethod
    def of(
        cls,
        limit: Limit,
        pair: Windows,
        now: int,
        used: int,
        held: int,
        calls: int | None = None,
        which: int = 0,
    ) -> Standing:
        """From a counter's `used` and `held`, as the scripts reply them."""
        rate, burst = limit.in_force(now) if limit.raised else (limit.limit, limit.burst)
        if pair is not None:
            return cls(limit, rate, rate, used, held, calls, pair[which].end)
        if limit.smooth and limit.per:
            return cls(
                limit, rate, burst, -(-used // SMOOTH_US[limit.per]), held, calls, now + -(-used // rate)
            )
        return cls(limit, rate, rate, used, held, calls, None)


@dataclass(frozen=True, slots=True)
class Lease:
    """An open reservation. `figures` are RESERVE's own: per limit which window, used and held.

    A lease that was taken while the store was away has `local` set and no figures.
    """

    id: str
    chain: Chain
    user: str
    admitted_us: int
    amounts: Amounts
    figures: tuple[int, ...]
    local: bool = False

    @property
    def shard(self) -> int:
        return self.chain.shard

    @property
    def which(self) -> tuple[int, ...]:
        return self.figures[::3] if self.figures else self.chain.present(self.admitted_us)

    @property
    def counters(self) -> list[str]:
        return self.chain.counters(self.which, self.user)

    def holding(self, amounts: Amounts) -> Lease:
        return replace(self, amounts=amounts)

    def tightest(self, meters: Container[str]) -> Standing | None:
        """Of the limits of these meters the one with the least room, with this lease in it."""
        chain, figures, now = self.chain, self.figures, self.admitted_us
        if not figures:
            return None
        found, least = None, 0
        for i, limit in enumerate(chain.limits):
            if limit.meter in meters and not limit.shadow:
                which, used, held = figures[3 * i : 3 * i + 3]
                standing = Standing.of(limit, chain.windows[i], now, used, held, which=which)
                free = standing.free
                if found is None or free < least:
                    found, least = standing, free
        return found


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was taken. `retry_at_us` is None when there is room again as soon as running calls end."""

    standing: Standing
    retry_at_us: int | None
    now_us: int


def kind_of(limit: Limit) -> str:
    """The letter by which the scripts know a limit's kind."""
    if limit.per is None:
        return "k"
    if not limit.smooth:
        return "c"
    return "r" if limit.meter == "requests" else "t"


def spec_of(limit: Limit, pair: Windows) -> list[Any]:
    """One limit as reserve.lua is told of it."""
    raised = limit.raised
    this, following = pair or (Window(0, 0), Window(0, 0))
    return [
        kind_of(limit),
        METERS.get(limit.meter, "q"),
        limit.name,
        limit.limit,
        limit.burst,
        SMOOTH_US[limit.per] if limit.smooth and limit.per else 0,
        int(limit.shadow),
        *((raised.limit, raised.burst, raised.until) if raised else (0, 0, 0)),
        this.start,
        this.end,
        following.end,
        int(limit.user == ANY_USER),
    ]


def _windows(limit: Limit, calendar: Calendar, now_us: int) -> Windows:
    if limit.per is None or limit.smooth:
        return None
    current = window_at(limit.per, calendar, now_us)
    following = current if limit.per == "total" else window_at(limit.per, calendar, current.end)
    return current, following


def _counters(shard: int, limit: Limit, pair: Windows) -> list[str]:
    """The keys that reserve.lua wants of a limit."""
    starts = [window.start for window in pair] if pair else [None]
    found = [keys.counter(shard, limit.counter, start) for start in starts]
    if limit.user == ANY_USER:
        found += [keys.mark(shard, mark_identity(limit), start) for start in starts]
    return found


def mark_identity(limit: Limit) -> str:
    """What a mark is known by: the limit's counter for all users, with no slot to be filled."""
    return limit.counter.replace(ANY_USER, "each")
