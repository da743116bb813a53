"""When to stop knocking."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FAILURES = 5
WINDOW_S = 1.0
TIMEOUTS = 10  # a window of this many time-outs, where that is longer: failures that take long count too


@dataclass(slots=True)
class Breaker:
    """Opens after FAILURES within the window. A failure is a connection's, however many calls waited on it."""

    window_s: float
    is_open: bool = False
    _failures: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))

    @classmethod
    def of(cls, timeout_s: float) -> Breaker:
        return cls(max(WINDOW_S, TIMEOUTS * timeout_s))

    def failed(self, now_s: float) -> None:
        self._failures.append(now_s)
        if len(self._failures) == FAILURES and now_s - self._failures[0] <= self.window_s:
            self.is_open = True

    def close(self) -> None:
        """After the probe found the server well. Failures from before count no more."""
        self.is_open = False
        self._failures.clear()
