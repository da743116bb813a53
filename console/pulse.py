"""Signs of life: each beat of the schedule that a Celery worker took up, by worker."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core.cache import cache

BEATS_S = 5
LATE_S = 20
_KEPT_S = 3600
_KEY = "pulse"


@dataclass(frozen=True, slots=True)
class Pulse:
    worker: str
    age_s: int

    @property
    def is_late(self) -> bool:
        return self.age_s > LATE_S


def note(worker: str, now: float | None = None) -> None:
    """Two workers at one moment may lose one's beat; the next comes soon."""
    moment = time.time() if now is None else now
    known = {name: at for name, at in (cache.get(_KEY) or {}).items() if at > moment - _KEPT_S}
    cache.set(_KEY, {**known, worker: moment}, _KEPT_S)


def pulses(now: float | None = None) -> list[Pulse]:
    """The latest first. Empty when no worker has worked within the hour."""
    moment = time.time() if now is None else now
    found = [Pulse(name, max(0, round(moment - at))) for name, at in (cache.get(_KEY) or {}).items()]
    return sorted(found, key=lambda one: (one.age_s, one.worker))
