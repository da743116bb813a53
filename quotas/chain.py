"""The limits of one key and model on their way to the store and back: what RESERVE is given, what it said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quotas import keys
from quotas.limits import SMOOTH_US, Amounts, Calendar, Limit, Window, window_at
from quotas.packing import Argument, ReserveTemplate, SettleTemplate

Windows = tuple[Window, Window] | None


@dataclass(frozen=True, slots=True)
class Chain:
    """Every limit that applies to one key and model, with all that RESERVE needs besides the amounts.

    `windows` holds, for a calendar limit, this window and the next one; the script's clock picks.
    """

    shard: int
    organization_id: str
    key_id: str
    limits: tuple[Limit, ...]
    windows: tuple[Windows, ...]
    valid_until: int  # the moment after which the windows must be looked up again, in microseconds
    templates: dict[tuple[int, ...] | str, ReserveTemplate | SettleTemplate] = field(
        default_factory=dict, compare=False, repr=False
    )

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
        return cls(shard, organization_id, key_id, tuple(limits), windows, ends)

    def reserve_template(self, digest: str) -> ReserveTemplate:
        """The call of reserve.lua, packed once for this chain."""
        found = self.templates.get(digest)
        if found is None:
            found = self.templates[digest] = ReserveTemplate.make(
                digest,
                [
                    keys.meta(self.shard),
                    keys.version(self.shard, self.organization_id),
                    keys.generation(self.shard, self.key_id),
                    keys.leases(self.shard),
                    keys.refused(self.shard),
                ],
                [key for limit, pair in self._pairs() for key in _counters(self.shard, limit, pair)],
                [(limit.meter, *_arguments(limit, pair)) for limit, pair in self._pairs()],
            )
        assert isinstance(found, ReserveTemplate)
        return found

    def settle_template(self, digest: str, which: tuple[int, ...]) -> SettleTemplate:
        """The call of settle.lua for leases that were taken from these of each limit's two windows."""
        found = self.templates.get(which)
        if found is None:
            held = [
                (one.kind, one.key, one.meter, one.limit, one.period) for one in self.held(Amounts(), which)
            ]
            shard = self.shard
            found = self.templates[which] = SettleTemplate.make(
                digest, keys.meta(shard), keys.leases(shard), keys.stream(shard), held
            )
        assert isinstance(found, SettleTemplate)
        return found

    def held(self, amounts: Amounts, which: Sequence[int]) -> list[Held]:
        """What a lease of `amounts` took from each counter that is settled in the end."""
        found = []
        for (limit, pair), window in zip(self._pairs(), which, strict=True):
            if kind_of(limit) != "r":
                key = keys.counter(self.shard, limit.counter, pair[window].start if pair else None)
                period = SMOOTH_US[limit.per] if limit.smooth and limit.per else 0
                found.append(
                    Held(kind_of(limit), key, amounts.of(limit.meter), limit.limit, period, limit.meter)
                )
        return found

    def unseeded(self, index: int, which: int) -> Unseeded:
        pair = self.windows[index]
        assert pair is not None
        return Unseeded(self.limits[index], pair[which])

    def _pairs(self) -> list[tuple[Limit, Windows]]:
        return list(zip(self.limits, self.windows, strict=True))


@dataclass(frozen=True, slots=True)
class Unseeded:
    """A calendar counter that does not exist yet."""

    limit: Limit
    window: Window


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit right after a decision, in its own unit. `resets_at` in microseconds, None when unknown."""

    limit: Limit
    spent: int
    held: int
    held_calls: int | None
    resets_at: int | None

    @property
    def ceiling(self) -> int:
        return self.limit.burst if self.limit.smooth else self.limit.limit

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
        which: int | None = None,
    ) -> Standing:
        """From a counter's `used` and `held`, as the scripts reply them."""
        if pair is not None:
            if which is None:
                which = int(now >= pair[0].end and pair[0] != pair[1])
            return cls(limit, used, held, calls, pair[which].end)
        if limit.smooth and limit.per:
            return cls(limit, -(-used // SMOOTH_US[limit.per]), held, calls, now + -(-used // limit.limit))
        return cls(limit, used, held, calls, None)


@dataclass(frozen=True, slots=True)
class Held:
    """What one lease took from one counter."""

    kind: str
    key: str
    amount: int
    limit: int
    period: int
    meter: str


@dataclass(frozen=True, slots=True)
class Lease:
    """An open reservation. `figures` are RESERVE's own: per limit which window, used and held."""

    id: str
    chain: Chain
    epoch: str
    admitted_us: int
    amounts: Amounts
    figures: tuple[int, ...]

    @property
    def shard(self) -> int:
        return self.chain.shard

    @property
    def which(self) -> tuple[int, ...]:
        return self.figures[::3]

    @property
    def held(self) -> list[Held]:
        return self.chain.held(self.amounts, self.which)

    def standings(self, *meters: str) -> list[Standing]:
        """How the limits of these meters stand with this lease in them."""
        chain, figures = self.chain, self.figures
        return [
            Standing.of(
                limit,
                chain.windows[i],
                self.admitted_us,
                figures[3 * i + 1],
                figures[3 * i + 2],
                which=figures[3 * i],
            )
            for i, limit in enumerate(chain.limits)
            if limit.meter in meters
        ]


@dataclass(frozen=True, slots=True)
class Refusal:
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


def _windows(limit: Limit, calendar: Calendar, now_us: int) -> Windows:
    if limit.per is None or limit.smooth:
        return None
    current = window_at(limit.per, calendar, now_us)
    following = current if limit.per == "total" else window_at(limit.per, calendar, current.end)
    return current, following


def _counters(shard: int, limit: Limit, pair: Windows) -> list[str]:
    starts = [window.start for window in pair] if pair else [None]
    return [keys.counter(shard, limit.counter, start) for start in starts]


def _arguments(limit: Limit, pair: Windows) -> tuple[list[Argument], list[Argument]]:
    """What reserve.lua is told of a limit before and after the need."""
    before: list[Argument] = [kind_of(limit), "1" if limit.by_estimate else "", limit.name]
    if pair is not None:
        this, following = pair
        return before, [limit.limit, this.end, following.end, this.start]
    period = SMOOTH_US[limit.per] if limit.per else 0
    return before, [limit.limit, limit.burst, period, 0]
