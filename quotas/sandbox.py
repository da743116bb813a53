"""Limits tried out: the engine's own scripts on keys that no organization has, at moments that the caller gives.

Commands are collected and sent many at a time, in order; what became of a trial is known after the next `flush`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from redis.exceptions import RedisError, ResponseError

from orbit.lib.redis import Script
from orbit.lib.store import client, packed
from quotas import keys
from quotas.chain import Chain, Standing, kind_of
from quotas.engine import LUA, RESERVE, SEED, SETTLE, settlement
from quotas.limits import ANY_USER, FOREVER, Amounts, Calendar, Limit, Window
from quotas.packing import Argument, bulks

SANDBOX = Script.load(LUA / "sandbox.lua")
KEPT_MS = 2 * 86_400_000  # how long its keys outlive a process that dies; longer than any simulation
COMMANDS = 1000  # in one exchange
NOBODY = "sandbox"  # stands for organization and key: one version and one generation serve all
FRESH = "sandbox:0"  # the stamp of a shard with this epoch that never was restored

# What had been spent in a window before the simulation, by end user's digest ("" when the limit is not on each).
Before = Callable[[Limit, Window], Mapping[str, int]]


class Unexpected(RedisError):
    """A script did not answer what it can only answer: the store has lost the namespace, or moved it."""


@dataclass(slots=True)
class Terms:
    """The limits of a key and model, and their chain in the sandbox, where each limit is called by its place."""

    limits: tuple[Limit, ...]
    chain: Chain
    met: set[tuple[tuple[int, ...], str]] = field(default_factory=set)  # windows and users with counters


@dataclass(slots=True, kw_only=True)
class Trial:
    """One call: what it would take at a moment, and once `decided`, which limit would have refused it."""

    id: str
    terms: Terms
    end_user: str | None
    amounts: Amounts
    at_us: int
    decided: bool = False
    refused: Standing | None = None
    reported: list[Limit] = field(default_factory=list)  # shadow limits that had no room

    @property
    def user(self) -> str:
        return self.terms.chain.user(self.end_user)

    def refuse(self, place: int, used: int = 0, held: int = 0, calls: int = 0, which: int = 0) -> None:
        pair, limit = self.terms.chain.windows[place], self.terms.limits[place]
        self.refused = Standing.of(limit, pair, self.at_us, used, held, calls, which)
        self.decided = True


class _Sent(NamedTuple):
    command: bytes
    trial: Trial | None = None  # whose decision is the answer
    wanted: tuple[bytes, ...] = ()  # what a script may answer; anything where empty


@dataclass
class Sandbox:
    shard: int
    before: Before
    _sent: list[_Sent] = field(default_factory=list)
    _waiting: dict[str, Trial] = field(default_factory=dict)
    _counters: dict[str, int] = field(default_factory=dict)  # when each one's window ends
    _next_end: int = FOREVER.end
    _open: set[str] = field(default_factory=set)  # leases

    @classmethod
    @contextmanager
    def opened(cls, before: Before) -> Iterator[Sandbox]:
        """A namespace of its own, which is gone afterwards."""
        made = cls(keys.sandbox(secrets.randbelow(2**40)), before)
        store = client()
        for script in (RESERVE, SETTLE, SEED, SANDBOX):
            packed(made.shard, [_command("SCRIPT", "LOAD", script.source)])
        try:
            made._prepare()
            made.flush()
            yield made
        finally:
            leases = [keys.lease(made.shard, one) for one in made._open]
            for some in _chunks([*made._containers(), *made._counters, *leases]):
                store.unlink(*some)

    def terms(self, limits: Sequence[Limit], calendar: Calendar, at_us: int) -> Terms:
        named = [replace(limit, name=str(place)) for place, limit in enumerate(limits)]
        return Terms(tuple(limits), Chain.at(self.shard, NOBODY, NOBODY, named, calendar, at_us))

    def reserve(self, trial: Trial) -> None:
        """Moments must not go back."""
        if not trial.terms.limits:
            trial.decided = True
            return
        self._close_windows(trial.at_us)
        self._seed(trial)
        lease = keys.lease(self.shard, trial.id)
        reserve = trial.terms.chain.reserve_template(RESERVE.digest).fill_reserve(
            lease,
            trial.user,
            (str(trial.at_us), "", 0, 1, 1, trial.id, KEPT_MS * 1000, b"", trial.id, "", ""),
            trial.amounts,
        )
        # together, so that no lease is left without an expiry
        self._send(_command("MULTI"), reserve, _command("PEXPIRE", lease, KEPT_MS))
        self._sent.append(_Sent(_command("EXEC"), trial))
        self._waiting[trial.id] = trial
        self._open.add(trial.id)

    def settle(self, trial: Trial, used: Amounts, at_us: int) -> None:
        """Changes nothing where the trial was refused, so that its decision need not be waited for."""
        if trial.id not in self._open:
            return
        self._open.discard(trial.id)
        chain = trial.terms.chain
        command = chain.settle_template(SETTLE.digest, chain.present(trial.at_us)).fill_settle(
            keys.lease(self.shard, trial.id),
            keys.leases(self.shard),
            keys.tombstone(self.shard, trial.id),
            trial.user,
            (str(at_us), "settle", trial.id, b"", 1),
            used,
        )
        self._sent.append(_Sent(command, wanted=(b"OK", b"UNKNOWN")))

    def correct(self, trial: Trial, charged: Amounts, used: Amounts, at_us: int, name: str) -> None:
        """Charges the difference, as a correction does. The trial must have been admitted, and have ended."""
        chain = trial.terms.chain
        counters = chain.counters(chain.present(trial.at_us), trial.user)
        script_keys, arguments = settlement(
            self.shard, name, counters, chain.spec(), "late", b"", used, charged, str(at_us)
        )
        arguments[4] = 1  # the tombstone's life
        self._sent.append(_Sent(_script(SETTLE, script_keys, arguments), wanted=(b"LATE",)))

    @property
    def full(self) -> bool:
        return len(self._sent) >= COMMANDS

    def flush(self) -> list[Trial]:
        """Sends what was collected; the trials that are decided now, in order."""
        self._prepare()
        sent, self._sent = self._sent, []
        answers = packed(self.shard, [one.command for one in sent])
        decided = [one.trial for one in sent if one.trial is not None]
        for one, answer in zip(sent, answers, strict=True):
            self._take(one, answer)
        self._report(answers[-1])
        self._waiting.clear()
        return decided

    def _take(self, sent: _Sent, answer: Any) -> None:
        if isinstance(answer, ResponseError):
            raise Unexpected(str(answer)) from answer
        if sent.wanted and answer[0] not in sent.wanted:
            raise Unexpected(f"a settlement was answered {answer[0]!r}")
        if sent.trial is None:
            return
        said, trial = answer[0], sent.trial
        if isinstance(said, ResponseError) or said[0] not in (b"OK", b"REFUSED"):
            raise Unexpected(f"a reservation was answered {said!r}")
        trial.decided = True
        if said[0] == b"REFUSED":
            place, used, held, calls, _, which = map(int, said[4:10])
            trial.refuse(place - 1, used, held, calls, which)
            self._open.discard(trial.id)

    def _report(self, counted: list[bytes]) -> None:
        """Tells trials which shadow limits had no room: their refusals were counted under the trial's own id."""
        for name in counted[::2]:
            if name:
                _, code, place, trial_id = name.decode().split("\n")
                if code.startswith("~"):
                    trial = self._waiting[trial_id]
                    trial.reported.append(trial.terms.limits[int(place)])

    def _seed(self, trial: Trial) -> None:
        terms, user = trial.terms, trial.user
        which = terms.chain.present(trial.at_us)
        if (which, user) in terms.met:
            return
        terms.met.add((which, user))
        for place, (limit, key) in enumerate(terms.chain.named(which, user)):
            if key in self._counters:
                continue
            missing = terms.chain.unseeded(place, which[place])
            self._counters[key] = missing.window.end if missing.window else FOREVER.end
            self._next_end = min(self._next_end, self._counters[key])
            if kind_of(limit) == "r":  # begins by itself
                continue
            used = 0
            if missing.window is not None:
                whose = user if limit.user == ANY_USER else ""
                used = self.before(terms.limits[place], missing.window).get(whose, 0)
            expires = time.time_ns() // 1_000_000 + KEPT_MS
            arguments: list[Argument] = ["", used, expires, missing.spec, FRESH, trial.at_us]
            names = [keys.stream(self.shard), keys.meta(self.shard), key]
            self._send(_script(SEED, names, arguments))

    def _close_windows(self, at_us: int) -> None:
        """Lets go of the counters of windows that have ended; what still settles there counts nowhere."""
        if at_us < self._next_end:
            return
        over = [key for key, end in self._counters.items() if end <= at_us]
        for key in over:
            del self._counters[key]
        self._next_end = min(self._counters.values(), default=FOREVER.end)
        self._send(*(_command("UNLINK", *some) for some in _chunks(over)))

    def _prepare(self) -> None:
        self._send(_script(SANDBOX, self._containers(), [KEPT_MS]))

    def _containers(self) -> list[str]:
        shard = self.shard
        named = [keys.meta(shard), keys.version(shard, NOBODY), keys.generation(shard, NOBODY)]
        return [*named, keys.leases(shard), keys.refused(shard), keys.stream(shard)]

    def _send(self, *commands: bytes) -> None:
        self._sent += map(_Sent, commands)


def _command(*parts: Argument) -> bytes:
    return b"*%d\r\n" % len(parts) + bulks(*parts)


def _script(script: Script, script_keys: Sequence[str], arguments: Iterable[Argument]) -> bytes:
    return _command("EVALSHA", script.digest, len(script_keys), *script_keys, *arguments)


def _chunks(names: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))
