"""Single calls of ours, asked of the provider one by one where a day's sums do not add up.

Bounded for each run in number and time, paced, and kept as they come, so that the next run goes on where this one stopped: the oldest
days first, and last what had no record when it was asked before. What cannot be asked leaves its day to the sums; no run fails for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings

from billing.models import Run
from billing.reconcile import reports
from billing.reconcile.connectors.base import Api, CallRow, Refused, TellsCalls
from billing.reconcile.records import names_of
from billing.reconcile.sides import Call

AT_ONCE = 100  # that are kept together
STRANGERS = 20  # unknown ones in a row, before any is known: then the credential is another account's
MOST_S = 3_600.0  # of one run, whose task has two hours for everything
SPAN = timedelta(days=2)  # by which the provider's time of a call may be another day's


@dataclass
class Lookups:
    """Of one run. `stopped`: why not all were asked, empty when all were."""

    run: Run
    connector: TellsCalls
    api: Callable[[], Api]  # made when it is needed: its credential may not be there
    known: dict[str, CallRow]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    asked: int = 0
    stopped: str = ""
    room: int = field(default_factory=lambda: settings.ORBIT_RECONCILE_LOOKUPS)
    strange: int = 0  # unknown ones in a row; below zero as soon as one is known
    named: set[str] = field(default_factory=set)
    unsure: list[CallRow] = field(default_factory=list)  # unknown ones of before that
    until: float | None = None  # by the clock; from the first look on
    _api: Api | None = None  # one for all, so that its patience is the run's

    def __post_init__(self) -> None:
        self.strange = -1 if any(row.found for row in self.known.values()) else 0

    def look_up(self, days: Iterable[Sequence[Call]]) -> None:
        """Calls of days and models that differ, the oldest first."""
        self.until = self.clock() + MOST_S
        again: list[tuple[str, Call]] = []
        for calls in days:
            wanted = dict(names_of(self.connector, calls, self.known))
            wanted = {name: call for name, call in wanted.items() if name not in self.named}
            self.named |= wanted.keys()  # a call about midnight is of two days
            again += [one for one in wanted.items() if one[0] in self.known]
            self._go_through([one for one in wanted.items() if one[0] not in self.known])
        self._go_through(again)

    def _go_through(self, wanted: Sequence[tuple[str, Call]]) -> None:
        some = wanted[: max(0, self.room - self.asked)]
        for first in range(0, len(some), AT_ONCE):
            if not self.stopped:
                self._keep(self._ask(some[first : first + AT_ONCE]))

    def _ask(self, batch: Sequence[tuple[str, Call]]) -> list[CallRow]:
        found: list[CallRow] = []
        try:
            self._api = self._api or self.api()
            for name, call in batch:
                begun = self.clock()
                if self.until is not None and begun >= self.until:
                    self.stopped = "time is over"
                    break
                row = self.connector.call(self._api, name, call.at)
                self.asked += 1
                found.append(row)
                if self._is_strange(row):
                    self.stopped = "the account’s credential knows none of these calls"
                    return []
                self._pause(begun)
        except Refused as error:
            self.stopped = error.words
        return found

    def _is_strange(self, row: CallRow) -> bool:
        if row.found or self.strange < 0:
            self.strange = -1  # it is the right credential, whatever else is unknown
            return False
        self.strange += 1
        return self.strange >= STRANGERS

    def _pause(self, begun: float) -> None:
        rate = settings.ORBIT_RECONCILE_LOOKUPS_A_SECOND
        if rate:
            self.sleep(max(0.0, 1 / rate - (self.clock() - begun)))

    def _keep(self, some: Sequence[CallRow]) -> None:
        """Nothing is missing there for a credential that knows no call at all."""
        rows = [*self.unsure, *some]
        self.unsure = [] if self.strange < 0 else rows
        if rows and self.strange < 0:
            reports.keep_calls(self.run, rows)
            self.known |= {row.name: row for row in rows}

    def counts(self) -> dict[str, object]:
        """As a run tells them."""
        told: dict[str, object] = {"lookups": self.asked, "lookups_left": len(self.named) - self.asked}
        return told | ({"lookups_stopped": self.stopped[:200]} if self.stopped else {})
