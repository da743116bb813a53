"""One tenant attacks in five ways, one after another and then all at once; another one's calls are watched, and an operator signs in."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, cast

from audit.models import Event
from faults.attacker import STREAMS, Attacker, make_attacker, management_key
from faults.scenario import Figure, Found, Measure, Scenario
from faults.servers import Servers
from faults.siege import MOST_START_S, POLL_S, Phase, Siege, p99
from faults.sign_in import make_operator
from faults.tenants import Tenant
from faults.whole import Whole, whole
from orbit.lib import access

SECONDS = 300.0  # of the attack: a half one way after another, a half all at once
ALONE = 0.4  # as long as this part of it, the other tenant has the gateway for itself before
SHARE = 0.2  # of what the gateway can
OPERATORS = 12
MOST_RATIO, MOST_SIGN_IN_S = 1.2, 2.0
MOST_SERIES = 2_000  # of one organization, all workers' together
MOST_LASTING = 64  # keys of one organization's shard that do not expire by themselves
WRITTEN_S = 60.0
NOT_MEANT = {"rejected": "200", "accepted": "429"}  # of ways whose calls shall end otherwise
LIMITS: list[dict[str, Any]] = [
    {"name": "daily", "meter": "requests", "per": "day", "limit": 10_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "10000.00"},
    {"name": "at-once", "meter": "concurrency", "limit": 10_000},
]


@contextmanager
def besieged(servers: Servers | None) -> Iterator[Whole]:
    assert servers is not None
    with whole(servers, keep=1000) as made:
        yield made


def attack(seconds: float) -> Callable[[Whole, random.Random], Found]:
    def trial(stage: Whole, chance: random.Random) -> Found:
        return run(stage, chance, seconds)

    return trial


def run(stage: Whole, chance: random.Random, seconds: float) -> Found:
    watched = stage.tenant(LIMITS)
    siege = Siege(
        stage, make_attacker(stage), watched, management_key(watched.id, "watch"),
        [make_operator() for _ in range(OPERATORS)], chance,
    )  # fmt: skip
    siege.warm()
    siege.measure(SHARE)
    behind = [*_unwritten(siege)]  # and the ledger has caught up
    keys_before, memory_before = _keys(stage, siege.attacker), _memory(stage)
    alone = siege.phase("alone", seconds * ALONE, [])
    ways = siege.attacker.ways()
    phases = [siege.phase(name, seconds / 2 / len(ways), [way]) for name, way in ways.items()]
    phases.append(siege.phase("all", seconds / 2, list(ways.values())))
    held = _held(stage, siege.attacker)
    wrongs = [wrong for one in (alone, *phases) for wrong in (*one.wrongs, *_refused(one))]
    for one in phases:
        wrongs += _missed(one, list(ways) if one.name == "all" else [one.name])
    wrongs += [*behind, *_unwritten(siege)]
    if stage.deaths:
        wrongs.append(f"{stage.deaths} processes of the gateway ended")
    figures: dict[str, Figure] = {
        **_latencies(alone, phases),
        "watched_rate": round(siege.rate, 1),
        "errors": sum(one.watched.of("") - one.watched.of("200") for one in (alone, *phases)),
        "sign_in_s": [round(min(took, 999), 2) for one in phases for took in one.sign_ins_s],
        "sign_in_alone_s": [round(took, 2) for took in alone.sign_ins_s if took < math.inf],
        "report_s": [round(took, 2) for one in phases for took in one.reports_s],
        "rejection_ms": _rejection_ms(alone, phases[0]),
        "lag_s": _lags(watched),
        "attack": [sum(one.of("") for one in phase.attack) for phase in phases],
        "series": held.series,
        "lasting": held.lasting,
        "keys": _keys(stage, siege.attacker) - keys_before,
        "memory_mib": round((_memory(stage) - memory_before) / 2**20, 1),
        "seconds": seconds,
    }
    wrongs += _bars(figures)
    for phase in phases:
        figures |= _met(phase)
    return Found(wrongs, int(seconds >= SECONDS), figures)


def _latencies(alone: Phase, phases: Sequence[Phase]) -> dict[str, Figure]:
    found: dict[str, Figure] = {
        "p99_alone_ms": round(alone.p99, 1),
        "p99_ms": round(max(one.p99 for one in phases), 1),
        "late_ms": round(max(p99(one.watched.late_ms) for one in phases), 1),
    }
    for one in phases:
        found[f"ratio_{one.name}"] = round(one.p99 / alone.p99, 3) if alone.p99 else 0.0
    return found


def _refused(phase: Phase) -> Iterator[str]:
    for how, count in phase.watched.ended.items():
        if how != "200":
            yield f"{phase.name}: {count} calls of the other tenant ended as {how}"


def _missed(phase: Phase, ways: Sequence[str]) -> Iterator[str]:
    """An attack that was another one than it says."""
    for way, saw in zip(ways, phase.attack, strict=True):
        if way in NOT_MEANT and (count := saw.of(NOT_MEANT[way])) > STREAMS / 10:
            yield f"{phase.name}: {count} calls of {way!r} ended as {NOT_MEANT[way]}"


def _unwritten(siege: Siege) -> Iterator[str]:
    """The ledger has each call that the watched tenant saw served."""
    deadline = time.monotonic() + WRITTEN_S
    while (found := _recorded(siege.watched)) < siege.served:
        siege.stage.keep()
        if time.monotonic() > deadline:
            yield f"the ledger has {found} calls of the other tenant, {siege.served} were served"
            return
        time.sleep(POLL_S)


def _recorded(tenant: Tenant) -> int:
    with access.operator():
        return Event.objects.filter(organization_id=tenant.id, kind="call", status="settled").count()


def _bars(figures: dict[str, Figure]) -> Iterator[str]:
    for name, value in figures.items():
        if name.startswith("ratio_") and cast("float", value) > MOST_RATIO:
            yield f"{name.removeprefix('ratio_')}: the other tenant's p99 was {value} times what it is alone"
    for name, most, words in (
        ("sign_in_s", MOST_SIGN_IN_S, "an operator's sign-in"),
        ("report_s", MOST_START_S, "the start of the other tenant's file"),
    ):
        if (worst := max(cast("list[float]", figures[name]), default=0.0)) > most:
            yield f"{words} took {worst} s"
    for name, bar in (("series", MOST_SERIES), ("lasting", MOST_LASTING)):
        if cast("float", figures[name]) > bar:
            yield f"{name} came to {figures[name]}, more than {bar}"


def _rejection_ms(alone: Phase, flood: Phase) -> float:
    """The workers' CPU beyond what the watched tenant costs, for each call refused."""
    refused = flood.attack[0].of("429")
    spent_s = flood.cpu_s - alone.cpu_s * flood.seconds / alone.seconds
    return round(1000 * spent_s / refused, 3) if refused else 0.0


def _met(phase: Phase) -> dict[str, Figure]:
    """How the attacker's calls ended, all ways together."""
    met: dict[str, float] = {}
    for saw in phase.attack:
        for how, count in saw.ended.items():
            met[f"{phase.name}: {how}"] = met.get(f"{phase.name}: {how}", 0) + count
    return {**met}


@dataclass(frozen=True)
class Held:
    """What an attacker leaves: series of metrics in its name, and keys of its shard that never expire."""

    series: int
    lasting: int


def _held(stage: Whole, attacker: Attacker) -> Held:
    connection = HTTPConnection("127.0.0.1", stage.port, timeout=60)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"/metrics was answered {answer.status}")
    series = sum(attacker.slug in line for line in text.splitlines() if not line.startswith("#"))
    names = list(stage.store.scan_iter(match=f"orbit:{{{attacker.shard}}}:*", count=5000))
    with stage.store.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.ttl(name)
        lasting = sum(left == -1 for left in pipe.execute())
    return Held(series, lasting)


def _keys(stage: Whole, attacker: Attacker) -> int:
    return sum(1 for _ in stage.store.scan_iter(match=f"orbit:{{{attacker.shard}}}:*", count=5000))


def _memory(stage: Whole) -> int:
    found: dict[str, Any] = cast("Any", stage.store.info("memory"))
    return int(found["used_memory"])


def _lags(tenant: Tenant) -> list[float]:
    """A hundredth, a half and 99 hundredths of the watched tenant's events came to the ledger within so long after admission, s."""
    with access.operator():
        rows = Event.objects.filter(organization_id=tenant.id, kind="call").values_list(
            "admitted_at", "recorded_at"
        )
        lags = sorted((recorded - admitted).total_seconds() for admitted, recorded in rows)
    return [round(lags[int(part * (len(lags) - 1))], 2) for part in (0.01, 0.5, 0.99)] if lags else []


SCENARIOS = [
    Scenario(
        "attack", 1,
        "one tenant attacks for five minutes, a half of them one way after another, a half all at once: 200 connections with a key that "
        "is used up, 400 slow streams (as many as it may have), orders of files, reconciliations and reports, searches by patterns and "
        "of whole lists, users, models and tags that nobody has heard of. Before, the other tenant is watched alone for two minutes: "
        "20 % of what 2 workers serve, each call of 250 ms at the provider. An operator signs in to Django's admin every 15 s, with "
        "password and code. All clients, the provider, Postgres, Valkey and the tasks share the gateway's 2 cores; the attackers' "
        "clients have the priority that the gateway has, the watched tenant's a higher one",
        "the other tenant's p99 is at most 1.2 times what it is alone, it meets no error, its file is begun within 10 s, a sign-in takes "
        "2 s at most; what the attacker leaves in metrics and in Valkey is bounded or expires",
        1, "attacks of five minutes", besieged, attack(SECONDS),
        (
            Measure("p99_alone_ms", "the other tenant's p99, alone, ms", "max", None, 1),
            Measure("p99_ms", "the same under attack, the worst of the six times, ms", "max", None, 1),
            Measure("ratio_rejected", "times what it is alone: refused calls", "max", MOST_RATIO, 2),
            Measure("ratio_accepted", "slow streams", "max", MOST_RATIO, 2),
            Measure("ratio_background", "orders", "max", MOST_RATIO, 2),
            Measure("ratio_queries", "searches", "max", MOST_RATIO, 2),
            Measure("ratio_names", "new names", "max", MOST_RATIO, 2),
            Measure("ratio_all", "all at once", "max", MOST_RATIO, 2),
            Measure("late_ms", "of that p99, how late its own clients were at sending at most, ms", "max", None, 1),
            Measure("errors", "its calls that failed", "sum", 0),
            Measure("watched_rate", "its calls a second", "max", None, 1),
            Measure("sign_in_s", "longest sign-in of an operator, s", "max", MOST_SIGN_IN_S, 2),
            Measure("sign_in_alone_s", "the same without an attack, s", "max", None, 2),
            Measure("report_s", "longest until its file was begun, s", "max", MOST_START_S, 2),
            Measure("lag_s", "its events' way to the ledger, p99, s", "max", None, 2),
            Measure("rejection_ms", "CPU of the workers for a call refused, ms", "max", None, 3),
            Measure("series", "series of metrics in the attacker's name", "max", MOST_SERIES),
            Measure("lasting", "keys of its shard in Valkey that do not expire", "max", MOST_LASTING),
            Measure("keys", "keys that it has there after the attack, most of which expire"),
            Measure("memory_mib", "what Valkey grew by, MiB", "max", None, 1),
            Measure("attack", "calls of the attacker, all six times", "sum"),
        ),
        lasting=attack,
    ),
]  # fmt: skip
