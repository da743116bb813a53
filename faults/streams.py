"""A thousand streams at a time for ten minutes: what the workers' memory does, and how late chunks come."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench import procfs
from faults import checker
from faults.listeners import Heard, Job, percentile
from faults.scenario import Figure, Found, Measure, Scenario
from faults.servers import Servers
from faults.volley import Fired
from faults.whole import Whole, whole

STREAMS = 1_000
PACE_MS = 500
SECONDS = 600.0
RAMP_S = 30.0
SHORTEST_S, LONGEST_S = 60.0, 180.0
SAMPLE_S = 1.0
WARM = 0.3  # of the samples, in which a worker may still grow
FLAT = 2.0  # % of its memory that a worker may grow in the rest, by the line that fits best
SETTLED_S = 60.0
NICE = -5


@contextmanager
def crowded(servers: Servers | None) -> Iterator[Whole]:
    assert servers is not None
    with whole(servers) as made:
        yield made


class Memory(threading.Thread):
    """Samples of each worker's resident memory in MiB."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._pids, self._over = pids, threading.Event()
        self._samples: list[list[float]] = []
        self.start()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._samples.append([procfs.rss_mib(pid) for pid in self._pids])

    def stop(self) -> list[list[float]]:
        """By worker."""
        self._over.set()
        self.join()
        return [list(one) for one in zip(*self._samples, strict=True)]


def growth(samples: Sequence[float], warm: float = WARM) -> tuple[float, float]:
    """By how many % a row of equally spaced samples rises after its first part, and what it is at then: the line of least squares."""
    some = samples[int(len(samples) * warm) :]
    middle_x, middle_y = (len(some) - 1) / 2, sum(some) / len(some)
    spread = sum((x - middle_x) ** 2 for x in range(len(some)))
    slope = sum((x - middle_x) * (y - middle_y) for x, y in enumerate(some)) / spread if spread else 0.0
    return 100 * slope * (len(some) - 1) / middle_y, middle_y


def streams(seconds: float) -> Callable[[Whole, random.Random], Found]:
    def trial(stage: Whole, chance: random.Random) -> Found:
        return run(stage, chance, seconds)

    return trial


def run(stage: Whole, chance: random.Random, seconds: float, count: int = STREAMS) -> Found:
    tenant = stage.tenant(
        [
            {"name": "at-once", "meter": "concurrency", "limit": 2 * count},
            {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "10000.00"},
        ]
    )
    part = min(1.0, seconds / SECONDS)
    job = Job(
        stage.port, tenant.key, tenant.tag, count, seconds, PACE_MS,
        SHORTEST_S * part, LONGEST_S * part, RAMP_S * part, chance.randrange(2**30), NICE,
    )  # fmt: skip
    before_s, began = procfs.cpu_s(stage.web), time.monotonic()
    memory = Memory(stage.web)
    heard = Heard(**Fired(job, "faults.listeners").told())
    took_s = time.monotonic() - began
    samples, cpu_s = memory.stop(), procfs.cpu_s(stage.web) - before_s
    books = checker.read(stage.store, stage.provider, tenant, rest_s=SETTLED_S)
    wrongs = [*checker.wrongs(books, tenant, []), *_wrongs(heard, count), *_deaths(stage)]
    rises = [growth(one) for one in samples]
    if (most := max(rise for rise, _ in rises)) > FLAT:
        wrongs.append(f"a worker's memory grew by {most:.1f} % after the first {WARM:.0%} of the time")
    figures: dict[str, Figure] = {
        **_figures(heard),
        "grown_pct": round(most, 2),
        "rss_mib": round(max(middle for _, middle in rises), 1),
        "rss_first_mib": round(max(one[0] for one in samples), 1),
        "rss_last_mib": round(max(one[-1] for one in samples), 1),
        "samples_mib": [round(max(some), 1) for some in zip(*samples, strict=True)][
            :: max(1, len(samples[0]) // 60)
        ],
        "cores": round(cpu_s / took_s, 2),
        "open_least": heard.open_least,
        "seconds": seconds,
    }
    return Found(wrongs, int(seconds >= SECONDS), figures)


def _wrongs(heard: Heard, count: int) -> Iterator[str]:
    for how, times in heard.ended.items():
        if how != "whole":
            yield f"{times} streams ended as {how}"
    if heard.chunks < heard.asked or not heard.chunks:
        yield f"{heard.chunks} chunks were timed of at least {heard.asked} that were sent"
    if heard.open_most < count:
        yield f"no more than {heard.open_most} streams were open at a time"
    if heard.stalls or heard.gaps_over:
        yield f"{heard.stalls} chunks were over 250 ms late, {heard.gaps_over} gaps over 250 ms too long, the worst {heard.worst_delay:.0f} ms"


def _deaths(stage: Whole) -> Iterator[str]:
    stage.keep()
    if stage.deaths:
        yield f"{stage.deaths} processes of the gateway ended"


def _figures(heard: Heard) -> dict[str, Figure]:
    return {
        "streams": sum(heard.ended.values()),
        "chunks": heard.chunks,
        "stalls": heard.stalls,
        "gaps": heard.gaps_over,
        "delay_p50_ms": percentile(heard.delays, 0.5),
        "delay_p99_ms": percentile(heard.delays, 0.99),
        "delay_max_ms": round(heard.worst_delay, 1),
        "provider_p99_ms": percentile(heard.provider_late, 0.99),
        "provider_max_ms": percentile(heard.provider_late, 1.0),
        "own_p99_ms": percentile(heard.own_late, 0.99),
        "own_max_ms": percentile(heard.own_late, 1.0),
    }


SCENARIOS = [
    Scenario(
        "streams", 1,
        "1,000 streams at a time of 2 chunks a second, each of one to three minutes and followed by another, over 2 workers with the "
        "settings that an installation has by itself; clients, provider, Postgres, Valkey and the tasks share the same 2 cores",
        "no chunk comes more than 250 ms after the provider sent it, and no gap is as much longer than it was there; after the first "
        "30 % of the time a worker's memory rises by at most 2 %, by the line of least squares; every stream is whole and in the books; "
        "ten minutes",
        1, "runs of ten minutes", crowded, streams(SECONDS),
        (
            Measure("stalls", "chunks that came over 250 ms late", "sum", 0),
            Measure("gaps", "gaps that were over 250 ms longer than at the provider", "sum", 0),
            Measure("delay_max_ms", "latest chunk, ms"),
            Measure("delay_p99_ms", "from the provider to the client, p99, ms", "max", None, 1),
            Measure("delay_p50_ms", "the same, median, ms", "max", None, 1),
            Measure("provider_max_ms", "latest that the provider itself was, which counts for neither, ms"),
            Measure("own_max_ms", "latest that the clients' process itself was, which is in both, ms"),
            Measure("grown_pct", "most that a worker's memory grew after the first 30 % of the time, %", "max", FLAT, 2),
            Measure("rss_mib", "a worker's memory, MiB"),
            Measure("cores", "cores that the workers used", "max", None, 2),
            Measure("open_least", "fewest streams open at any look", "min"),
            Measure("chunks", "chunks", "sum"), Measure("streams", "streams", "sum"),
        ),
        lasting=streams,
    ),
]  # fmt: skip
