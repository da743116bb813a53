"""The audit trail has no room: its writer is away and the store fills up, or neither store nor database takes a thing."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import OutOfMemoryError

from audit.models import DeadLetter, Event
from faults import auditor, checker
from faults.clients import Seen, chat
from faults.installation import forget_connections
from faults.kills import LIMITS
from faults.scenario import Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import WORKERS, Stage, asks, stage
from faults.tenants import Tenant
from orbit.lib import access
from quotas import keys

REQUIRED = {"audit": {"required": True}}
MARK = 80  # percent of the store's memory: the setting's default
HEADROOM = 0.62  # of its memory is in use when the writer goes away
KNOWN_S = 1.2  # what a worker knows of the trail is at most a second old
RECOVERY_S = 90.0  # a full store keeps for thirty seconds what the ledger has
FILLER = {"k": "mark", "e": "x" * 4000}


@contextmanager
def patient(servers: Servers | None) -> Iterator[Stage]:
    """Where neither age nor length of the backlog is what refuses first."""
    with stage(servers, environment={"ORBIT_LEDGER_MAX_AGE_S": "3600"}) as made:
        yield made


@contextmanager
def impatient(servers: Servers | None) -> Iterator[Stage]:
    with stage(servers, environment={"ORBIT_REDIS_TIMEOUT_MS": "300"}) as made:
        yield made


def full(stage: Stage, chance: random.Random) -> Found:
    """The writer is away and events pile up until the store is full; then the writer is back."""
    strict, other = stage.tenant(LIMITS, **REQUIRED), stage.tenant(LIMITS)
    seen = _warm(stage, strict, other)
    wrongs: list[str] = []
    stage.store.config_set("maxmemory", int(int(stage.store.info("memory")["used_memory"]) / HEADROOM))
    try:
        stage.gateway.want(web=WORKERS, writers=0)
        for pid in stage.gateway.writers:
            stage.gateway.kill(pid)
        late = _Late(stage, other)
        figures = _fill(stage, strict, other, chance, wrongs, seen)
        seen += late.seen()
        stage.gateway.want(web=WORKERS)
        stage.gateway.wait_for(web=WORKERS)
        figures["recovery_s"] = _recovery(stage, [strict, other], seen, wrongs)
    finally:
        stage.store.config_set("maxmemory", 0)
        stage.gateway.want(web=WORKERS)
    return _compared(stage, [strict, other], seen, wrongs, figures)


class _Late(threading.Thread):
    """A few streams that begin while there is room and end when there is none: their events must still be kept."""

    def __init__(self, stage: Stage, tenant: Tenant) -> None:
        super().__init__(daemon=True)
        slow = chat("tokens=60 pace_ms=250", stream=True, max_tokens=90)
        self.crowd = stage.crowd(asks(tenant, 4, lambda _: slow), at_once=4)
        self.start()

    def run(self) -> None:
        self.crowd.run()

    def seen(self) -> list[Seen]:
        self.join()
        return self.crowd.seen


def _fill(
    stage: Stage, strict: Tenant, other: Tenant, chance: random.Random, wrongs: list[str], seen: list[Seen]
) -> dict[str, Any]:
    """In steps, each followed by calls of both. What others leave in the stream stands in for the events of many hours."""
    beside = keys.stream((strict.shard + chance.randrange(1, 64)) % 64)
    refused_at, served, told = 0, 0, Tally[str]()
    while True:
        before = _fullness(stage)
        try:
            _pile_up(stage, beside, before + chance.uniform(2, 6))
        except OutOfMemoryError:
            break
        time.sleep(KNOWN_S)
        theirs = stage.crowd(asks(strict, 3, _short), at_once=3).run()
        others = stage.crowd(asks(other, 3, _short), at_once=3).run()
        seen += theirs + others
        now = _fullness(stage)
        for one in theirs:
            told[f"required {one.code or one.status}"] += 1
            if one.status == 200 and before >= MARK:
                wrongs.append(f"D5: at {before} % a call that requires the trail was let in")
            if one.code not in (None, "audit_unavailable"):
                wrongs.append(f"D5: at {now} % a call that requires the trail met {one.code or one.status}")
            if one.code == "audit_unavailable" and not refused_at:
                refused_at = now
        for one in others:
            served += one.status == 200
            if one.status != 200 and now < 97:
                wrongs.append(f"D5: at {now} % another call met {one.code or one.status}")
    if not refused_at:
        wrongs.append("D5: the store was full before a call that requires the trail was refused")
    full = (
        stage.crowd(asks(strict, 3, _short), at_once=3).run()
        + stage.crowd(asks(other, 3, _short), at_once=3).run()
    )
    seen += full
    codes = {one.user.rpartition("-")[0].startswith(strict.tag): one.code for one in full}
    if codes != {True: "audit_unavailable", False: "limiter_unavailable"}:
        wrongs.append(f"D5: full, calls met {codes}")
    return {"refused_at": refused_at, "served_behind": served}


def _fullness(stage: Stage) -> int:
    told = stage.store.info("memory")
    return int(told["used_memory"]) * 100 // int(told["maxmemory"])


def _pile_up(stage: Stage, stream: str, until: float) -> None:
    while _fullness(stage) < until:
        for _ in range(20):
            stage.store.xadd(stream, FILLER)  # type: ignore[arg-type]


def _recovery(stage: Stage, tenants: Sequence[Tenant], seen: list[Seen], wrongs: list[str]) -> float:
    """Until calls of all are served again, by itself."""
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY_S:
        found = [call for one in tenants for call in stage.crowd(asks(one, 2, _short), at_once=2).run()]
        seen += found
        if all(one.status == 200 for one in found):
            return round(time.monotonic() - began, 1)
        time.sleep(0.5)
    wrongs.append(f"I10: {RECOVERY_S:.0f} s after everything was back calls were still refused")
    return RECOVERY_S


def nowhere(stage: Stage, chance: random.Random) -> Found:
    """The store takes no write or is dead, and the database is dead: an event could be kept nowhere."""
    assert stage.servers is not None
    share: dict[str, Any] = {"on_store_failure": "local_share"}
    smooth = [{"name": "rpm", "meter": "requests", "per": "minute", "limit": 4_000}]
    strict = [
        stage.tenant(LIMITS, **REQUIRED, **share),
        stage.tenant(smooth, **REQUIRED),
        stage.tenant([], **REQUIRED),
    ]
    other = stage.tenant(smooth)
    seen = _warm(stage, *strict, other)
    wrongs: list[str] = []
    dead = chance.random() < 0.5
    try:
        if dead:
            stage.servers.kill(stage.servers.valkey)
        else:
            stage.store.config_set("min-replicas-to-write", 1)
        stage.servers.kill(stage.servers.postgres)
        during = [
            call
            for _ in range(3)
            for one in (*strict, other)
            for call in stage.crowd(asks(one, 6, _short), at_once=6).run()
        ]
    finally:
        stage.servers.start(stage.servers.postgres)
        forget_connections()
        if dead:
            stage.servers.start(stage.servers.valkey)
        else:
            stage.store.config_set("min-replicas-to-write", 0)
    seen += during
    served = {checker.user_of(one) for one in stage.provider.requests()}
    forwarded = sum(one.user in served for one in during if not one.user.startswith(other.tag))
    if forwarded:
        wrongs.append(f"D6: {forwarded} calls that require the trail were sent to the provider")
    wrongs += [
        f"D6: a call that requires the trail met {one.code or one.status}"
        for one in during
        if not one.user.startswith(other.tag) and one.code not in ("audit_unavailable", "auth_unavailable")
    ]
    by_trail = sum(one.code == "audit_unavailable" for one in during)
    if not by_trail:
        wrongs.append("D6: no call was refused because of the trail")
    best_effort = sum(one.status == 200 for one in during if one.user.startswith(other.tag))
    figures: dict[str, Any] = {
        "forwarded": forwarded,
        "asked": 54,
        "by_trail": by_trail,
        "best_effort": best_effort,
    }
    figures["recovery_s"] = _recovery(stage, [*strict, other], seen, wrongs)
    return _compared(stage, [*strict, other], seen, wrongs, figures)


def _warm(stage: Stage, *tenants: Tenant) -> list[Seen]:
    """Every worker knows every key."""
    return [
        call for one in tenants for call in stage.crowd(asks(one, 4 * WORKERS, _short), barrier=True).run()
    ]


def _short(_: int) -> dict[str, Any]:
    return chat("tokens=3", max_tokens=9)


def _compared(
    stage: Stage, tenants: Sequence[Tenant], seen: Sequence[Seen], wrongs: list[str], figures: dict[str, Any]
) -> Found:
    lost = 0
    for one in tenants:
        books = stage.read(one)
        mine = [call for call in seen if call.user.startswith(one.tag)]
        wrongs += checker.wrongs(books, one, mine)
        recorded = {event.end_user for event in books.calls}
        lost += sum(call.status == 200 and call.finished and call.user not in recorded for call in mine)
        wrongs += auditor.gaps(one)
    with access.operator():
        letters = DeadLetter.objects.filter(about__in=[one.id for one in tenants]).count()
        told = Event.objects.filter(
            organization_id__in=[one.id for one in tenants], detail__action="ledger.gap"
        )
        if letters or told.exists():
            wrongs.append("I5: a gap was told of, and nothing was lost")
    return Found(wrongs, 1, {**figures, "lost": lost})


LOST = Measure("lost", "calls that a client saw finish and the ledger lacks", "sum", 0)

SCENARIOS = [
    Scenario(
        "trail-full", 1,
        "the ledger's writer is away until the store is full to its last byte; half of the calls require the trail",
        f"these are refused from {MARK} % on, before any money limit is; others go on until there is no room at all; "
        "nothing is trimmed unread, and all comes back by itself",
        10, "trials", patient, full,
        (
            LOST,
            Measure("refused_at", "fullest that the store was when the first was refused, %", "max"),
            Measure("served_behind", "other calls served meanwhile", "sum"),
            Measure("recovery_s", "longest until all were served again, s", "max", RECOVERY_S, 1),
        ),
    ),
    Scenario(
        "trail-nowhere", 2,
        "the store refuses every write or is dead, and Postgres is dead, while calls come that require the trail",
        "the provider sees none of them; others, which are served where their key is known, are in the ledger afterwards",
        30, "trials", impatient, nowhere,
        (
            Measure("forwarded", "calls sent to the provider that require the trail", "sum", 0),
            Measure("asked", "such calls", "sum"),
            Measure("by_trail", "of these refused with audit_unavailable, the rest because no key could be looked up", "sum"),
            Measure("best_effort", "other calls served meanwhile", "sum"),
            LOST,
            Measure("recovery_s", "longest until all were served again, s", "max", RECOVERY_S, 1),
        ),
    ),
]  # fmt: skip
