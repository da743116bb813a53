"""One answer to Prometheus: what all processes counted, and gauges that are as fresh as could be had in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from django.db import DatabaseError, connections
from redis.exceptions import RedisError

from console import own_metrics
from orbit.lib.metrics import Family, Kind, Names, Sample, Shelf, written
from orbit.metrics import gauges, money, tasks
from orbit.metrics.gauges import Part
from proxy import measures
from proxy.telling import Telling

logger = logging.getLogger(__name__)

PATIENCE_S = 3.0
STALE_S = 120.0  # beyond what a part may be old: then nothing is better than that

PART_UP = Family(
    "orbit_scrape_part_up", Kind.GAUGE, "Whether a part of the gauges could be read lately.", ("part",)
)
PART_AGE = Family("orbit_scrape_part_age_seconds", Kind.GAUGE, "How old a part of the gauges is.", ("part",))
PROCESSES = Family(
    "orbit_processes",
    Kind.GAUGE,
    "Processes of this host that count: web workers, and those that run tasks.",
    ("kind",),
)
SILENCE = Family(
    "orbit_process_silence_seconds",
    Kind.GAUGE,
    "How long the most silent of them has not told what it counted: web workers do every five seconds.",
    ("kind",),
)
NAMED = Family("orbit_organizations_named", Kind.GAUGE, "Organizations that have series of their own.")
NAMED_MOST = Family(
    "orbit_organizations_named_max", Kind.GAUGE, "How many may have: ORBIT_METRICS_ORGANIZATIONS."
)
OWN = (PART_UP, PART_AGE, PROCESSES, SILENCE, NAMED, NAMED_MOST)
PARTS = (*gauges.PARTS, *money.PARTS)
COUNTED = {one.name: one for one in (*measures.FAMILIES, *tasks.FAMILIES)}


def families() -> list[Family]:
    """Every metric that there is."""
    read = [family for part in PARTS for family in part.families]
    return [*COUNTED.values(), *read, *OWN, *own_metrics.MONTH]


@dataclass
class _Read:
    at: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    running: asyncio.Task[None] | None = None
    failed: bool = False
    named: list[str] = field(default_factory=list)


@dataclass
class Scrapes:
    """One worker's. Several at once share what is being read."""

    telling: Telling
    names: Names
    parts: tuple[Part, ...] = PARTS
    read: dict[str, _Read] = field(default_factory=dict)

    async def answer(self) -> bytes:
        named = await asyncio.to_thread(self.names.claimed)
        running = [task for part in self.parts if (task := self._refreshed(part, named)) is not None]
        if running:
            await asyncio.wait(running, timeout=PATIENCE_S)
        samples = list(self._samples(len(named)))
        await self.telling.now()
        return await asyncio.to_thread(self._written, samples)

    def _refreshed(self, part: Part, named: list[str]) -> asyncio.Task[None] | None:
        state = self.read.setdefault(part.name, _Read())
        old = time.monotonic() - state.at >= part.fresh_s or state.named != named
        if state.running is None and old:
            state.running = asyncio.create_task(
                self._refresh(part, state, named), name=f"metrics {part.name}"
            )
        return state.running

    async def _refresh(self, part: Part, state: _Read, named: list[str]) -> None:
        try:
            state.samples = await asyncio.to_thread(partial(_closing, part, named))
            state.at, state.failed, state.named = time.monotonic(), False, named
        except (DatabaseError, RedisError, OSError) as error:
            state.failed = True
            logger.warning("metrics of %s cannot be read: %s", part.name, type(error).__name__)
        finally:
            state.running = None

    def _samples(self, named: int) -> Iterator[Sample]:
        now = time.monotonic()
        for part in self.parts:
            state = self.read[part.name]
            age_s = now - state.at
            known = bool(state.at) and age_s < max(STALE_S, 3 * part.fresh_s)
            yield Sample(PART_UP, int(known and not state.failed), (part.name,))
            if known:
                yield Sample(PART_AGE, age_s, (part.name,))
                if not state.failed:
                    yield from state.samples
        if self.read["database"].failed:
            yield Sample(gauges.DATABASE_UP, 0)
        if self.read["store"].failed:
            yield Sample(gauges.STORE_UP, 0)
        yield Sample(NAMED, named)
        yield Sample(NAMED_MOST, self.names.most)

    def _written(self, samples: list[Sample]) -> bytes:
        series, living = Shelf(self.telling.place.path.parent).read(COUNTED)
        for kind in ("web", "task"):
            ages = [one.age_s for one in living if one.kind == kind]
            samples.append(Sample(PROCESSES, len(ages), (kind,)))
            if ages:
                samples.append(Sample(SILENCE, max(ages), (kind,)))
        return written(COUNTED, series, samples)


def _closing(part: Part, named: list[str]) -> list[Sample]:
    """The thread's own connections go back when it is done."""
    try:
        return part.read(named)
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close()
