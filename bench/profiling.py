"""Where the time of one worker goes, by part of the gateway.

The profiler makes Python code slower and native code not, so read shares, not times; what the
parts cost without it is measured by `python -m bench`.
"""

from __future__ import annotations

import os
import pstats
import signal
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from bench import gateway, procfs, report, requests
from bench.load import Job, Target
from bench.measure import PACE_MS, PLAIN_CLIENTS, PLAIN_TOKENS, STREAM_CLIENTS, STREAM_TOKENS, Bench, Effort
from bench.stage import stage

Function: TypeAlias = tuple[str, int, str]

# The first that is in a function's file name says which part it belongs to.
PARTS = {
    "proxy/entry": "entry: headers in, answer out",
    "proxy/request": "DRF dispatch",
    "proxy/views": "DRF dispatch",
    "proxy/permissions": "DRF dispatch",
    "proxy/throttles": "DRF dispatch",
    "rest_framework": "DRF dispatch",
    "site-packages/django": "DRF dispatch",
    "proxy/credentials": "authenticate",
    "proxy/snapshot": "authenticate",
    "tenants/keys": "authenticate",
    "proxy/checks": "checks of policy and body",
    "proxy/asked": "checks of policy and body",
    "proxy/calls": "the call and its targets",
    "proxy/targets": "the call and its targets",
    "proxy/routing": "the call and its targets",
    "proxy/health": "the call and its targets",
    "quotas/classes": "the call and its targets",
    "quotas/allowances": "the call and its targets",
    "proxy/upstream": "provider call",
    "proxy/providers": "provider call",
    "orbit/lib/body": "decode the body",
    "json/": "decode the body",
    "quotas/estimate": "checks of policy and body",
    "proxy/admission": "reserve: amounts, chain, event",
    "quotas": "reserve and settle: arguments, replies",
    "orbit/lib/redis": "Redis connection",
    "orbit/lib/egress": "provider call",
    "orbit/lib/wire": "provider call",
    "proxy/settlement": "settle: cost, event",
    "proxy/events": "settle: cost, event",
    "proxy/headers": "headers of the answer",
    "orbit/lib/clock": "headers of the answer",
    "proxy": "relay: tasks, events, channel",
    "uvicorn": "ASGI server",
    "asyncio/": "asyncio",
}


@dataclass(frozen=True)
class Used:
    """CPU seconds of a worker."""

    main_thread_s: float
    all_s: float

    @classmethod
    def by(cls, pid: int) -> Used:
        return cls(procfs.main_thread_cpu_s(pid), procfs.cpu_s([pid]))


OTHER = "the rest of the standard library"
LOOP = "event loop: sockets, callbacks (uvloop)"


def run(*, stream: bool, seconds: float) -> str:
    with stage() as where:
        file = where.folder / "profile"
        bench = Bench(where, None, Effort(), lambda text: None)
        with gateway.running(1, ("bench.profiled", str(file))) as running:
            job = _job(running.port, where.key, stream, seconds)
            bench.load(replace(job, seconds=2.0))
            calls, used = _profiled(bench, running.pids[0], job, file)
        times = _by_part(pstats.Stats(str(file)))
    times[LOOP] = max(0.0, used.main_thread_s - sum(times.values()))
    return _text(times, used, calls * (STREAM_TOKENS if stream else 1), "chunk" if stream else "call")


def _job(port: int, key: str, stream: bool, seconds: float) -> Job:
    if stream:
        request = requests.chat(key, tokens=STREAM_TOKENS, stream=True, pace_ms=PACE_MS)
        return Job([Target("gateway", port, request)], STREAM_CLIENTS, seconds, chunks=STREAM_TOKENS)
    return Job([Target("gateway", port, requests.chat(key, tokens=PLAIN_TOKENS))], PLAIN_CLIENTS, seconds)


def _profiled(bench: Bench, pid: int, job: Job, file: Path) -> tuple[int, Used]:
    """How many calls ran under the profiler, and what they used."""
    os.kill(pid, signal.SIGUSR1)
    before = Used.by(pid)
    seen = bench.load(job)["gateway"]
    after = Used.by(pid)
    os.kill(pid, signal.SIGUSR2)
    while not file.exists():
        time.sleep(0.05)
    used = Used(after.main_thread_s - before.main_thread_s, after.all_s - before.all_s)
    return len(seen.total_ms), used


def _by_part(stats: pstats.Stats) -> dict[str, float]:
    """Seconds by part. What a part calls of the interpreter and of C libraries counts as its own."""
    found: defaultdict[str, float] = defaultdict(float)
    entries: dict[Function, tuple[int, int, float, float, dict[Function, tuple[int, int, float, float]]]]
    entries = stats.stats  # type: ignore[attr-defined]
    for function, (_, _, own_s, _, callers) in entries.items():
        part = _part(function)
        if part is not None:
            found[part] += own_s
            continue
        for caller, (_, _, share_s, _) in callers.items():
            found[_part(caller) or OTHER] += share_s
    return found


def _part(function: Function) -> str | None:
    """None for what has no file: built-in and native functions."""
    path = function[0]
    if path == "~":
        return None
    return next((part for piece, part in PARTS.items() if piece in path), OTHER)


def _text(times: dict[str, float], used: Used, count: int, unit: str) -> str:
    main_us = used.main_thread_s / count * 1e6
    total = sum(times.values())
    parts = sorted(times.items(), key=lambda item: -item[1])
    rows = [
        ("part", "share"),
        *((part, f"{seconds / total:.0%}") for part, seconds in parts if seconds >= total / 200),
    ]
    said = (
        f"Under the profiler a {unit} took {main_us:.0f} µs in the main thread, which are the shares below."
    )
    return f"{said}\n\n{report.table(rows)}"
