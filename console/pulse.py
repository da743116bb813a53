"""Signs of life: each beat of the schedule that a Celery worker took up, by the queue that it came in and by worker.

A queue is read apart, since a worker may have one of them alone: what is dead must not hide behind what lives.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core.cache import cache

from orbit.lib import line

BEATS_S = 5
LATE_S = 20
_KEPT_S = 3600


@dataclass(frozen=True, slots=True)
class Pulse:
    queue: str
    worker: str
    age_s: int

    @property
    def is_late(self) -> bool:
        return self.age_s > LATE_S


def note(worker: str, queue: str, now: float | None = None) -> None:
    """Two workers of a queue at one moment may lose one's beat; the next comes soon."""
    moment = time.time() if now is None else now
    known = {name: at for name, at in (cache.get(_key(queue)) or {}).items() if at > moment - _KEPT_S}
    cache.set(_key(queue), {**known, worker: moment}, _KEPT_S)


def forget() -> None:
    """As if no worker had worked."""
    cache.delete_many([_key(queue) for queue in line.QUEUES])


def pulses(now: float | None = None) -> dict[str, list[Pulse]]:
    """By queue, the latest first. A queue that no worker took from within the hour has none."""
    moment = time.time() if now is None else now
    noted = cache.get_many([_key(queue) for queue in line.QUEUES])
    return {queue: _of(queue, noted.get(_key(queue), {}), moment) for queue in line.QUEUES}


def _of(queue: str, noted: dict[str, float], moment: float) -> list[Pulse]:
    found = [Pulse(queue, name, max(0, round(moment - at))) for name, at in noted.items()]
    return sorted(found, key=lambda one: (one.age_s, one.worker))


def _key(queue: str) -> str:
    return f"pulse:{queue}"
