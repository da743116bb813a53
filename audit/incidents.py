"""Times in which the ledger could not follow: one row for each, told once when it begins and once when it ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.dispatch import Signal
from redis.exceptions import RedisError

from audit import backlog
from audit.backlog import Waiting
from audit.models import DeadLetter, Incident
from orbit.lib import access

logger = logging.getLogger(__name__)

# An incident of the given kind began, or ended; sent after its row was committed.
began, ended = Signal(), Signal()


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    figure: float
    words: str


def look(surveyed: list[Waiting] | None = None) -> list[Finding]:
    """What is wrong right now."""
    try:
        surveyed = backlog.survey() if surveyed is None else surveyed
        full = backlog.memory()
    except RedisError as error:
        return [Finding(Incident.Kind.STORE, 0, f"The store cannot be asked: {type(error).__name__}.")]
    return list(_found(surveyed, full))


def _found(surveyed: list[Waiting], full: float) -> Iterator[Finding]:
    oldest = max(surveyed, key=lambda one: one.age_s, default=None)
    if oldest is not None and oldest.age_s > settings.ORBIT_LEDGER_ALARM_S:
        yield Finding(
            Incident.Kind.BEHIND,
            round(oldest.age_s),
            f"The oldest event that is not in the ledger waits since {oldest.age_s:.0f} s (shard {oldest.shard}).",
        )
    longest = max(surveyed, key=lambda one: one.length, default=None)
    if longest is not None and longest.length > settings.ORBIT_LEDGER_MAX_ENTRIES:
        yield Finding(
            Incident.Kind.LENGTH,
            longest.length,
            f"The stream of shard {longest.shard} has {longest.length} entries.",
        )
    if full * 100 >= settings.ORBIT_LEDGER_MAX_MEMORY:
        yield Finding(
            Incident.Kind.MEMORY, round(full * 100), f"The store is full to {full:.0%} of its maxmemory."
        )
    with access.ledger():
        letters = DeadLetter.objects.filter(replayed_at=None).count()
    if letters:
        yield Finding(Incident.Kind.DEAD_LETTERS, letters, f"{letters} dead letters wait to be replayed.")


def watch() -> list[Incident]:
    """Opens, prolongs and ends incidents; returns those that are open. May run twice."""
    found = {one.kind: one for one in look()}
    started, over = [], []
    with access.ledger():
        running = {one.kind: one for one in Incident.objects.select_for_update().filter(ended_at=None)}
        for kind, finding in found.items():
            if kind not in running:
                running[kind], new = Incident.objects.get_or_create(
                    kind=kind, ended_at=None, defaults={"worst": finding.figure, "words": finding.words}
                )
                started += [running[kind]] if new else []
            elif finding.figure > running[kind].worst:
                running[kind].worst, running[kind].words = finding.figure, finding.words
                running[kind].save(update_fields=["worst", "words"])
        for kind in set(running) - set(found):
            one = running.pop(kind)
            one.ended_at = datetime.now(UTC)
            one.save(update_fields=["ended_at"])
            over.append(one)
    for one in started:
        logger.error("the ledger: %s", one.words)
        _send(began, one)
    for one in over:
        logger.warning("the ledger: over since %s: %s", one.ended_at, one.kind)
        _send(ended, one)
    return list(running.values())


def _send(signal: Signal, incident: Incident) -> None:
    for _, answer in signal.send_robust(Incident, incident=incident):
        if isinstance(answer, Exception):
            logger.error("an incident of the ledger is not told: %s", type(answer).__name__)
