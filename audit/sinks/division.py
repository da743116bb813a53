"""One batch handed to one sink, halved as often as it takes to find what the sink will never take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit.sinks.base import BrokeOff, Item, Refused, Sink, Unavailable

Refusals = list[tuple[Item, str]]
TRIES = 5  # of one event alone, before it is the reason why a collector hangs up


class Division:
    """`deliver` returns what was refused for good; all else is acknowledged by then, in order.

    A sink that refuses everything is set up wrongly rather than fed wrongly: after `most_in_a_row` refusals without anything taken
    in between it counts as unavailable, and nothing is buried. 0 buries all the same.

    With `suspects`, an event on which the sink hangs up time and again while it takes others counts as refused. `pause` waits
    between these tries and says whether to go on. Where nothing else waits, `witness`, an event that it took before, is sent
    once more: whether it is taken says which of the two is at fault.
    """

    def __init__(
        self,
        sink: Sink,
        most_in_a_row: int,
        *,
        suspects: bool = False,
        pause: Callable[[int], bool] | None = None,
        witness: Item | None = None,
    ) -> None:
        self._sink = sink
        self._most = most_in_a_row
        self._suspects = suspects
        self._pause = pause or (lambda _: True)
        self._witness = witness
        self._in_a_row = 0
        self._taken = 0
        self._suspected = 0

    def deliver(self, items: Sequence[Item]) -> Refusals:
        found = self._deliver(items)
        if self._suspected and not self._taken:
            if self._witness is None:
                raise BrokeOff("hangs up on whatever it is sent")
            self._sink.send([self._witness])
        return found

    def _deliver(self, items: Sequence[Item]) -> Refusals:
        try:
            refused = self._sink.send(items)
        except Refused as error:
            if len(items) == 1:
                return self._count(items, str(error))
        except BrokeOff as error:
            if not self._suspects:
                raise
            if len(items) == 1:
                return self._again(items, error)
        else:
            found = [(item, refused[item.event_id]) for item in items if item.event_id in refused]
            self._taken += len(items) - len(found)
            self._in_a_row = self._in_a_row + len(found) if len(found) == len(items) else 0
            self._check()
            return found
        half = len(items) // 2
        return self._deliver(items[:half]) + self._deliver(items[half:])

    def _again(self, items: Sequence[Item], error: BrokeOff) -> Refusals:
        for turn in range(1, TRIES):
            if not self._pause(turn):
                raise error
            try:
                self._sink.send(items)
            except BrokeOff:
                continue
            except Refused as refused:
                return self._count(items, str(refused))
            self._taken += 1
            return []
        self._suspected += 1
        if self._suspected > 1 and not self._taken:
            raise BrokeOff("hangs up on whatever it is sent")
        return self._count(items, str(error))

    def _count(self, items: Sequence[Item], reason: str) -> Refusals:
        self._in_a_row += 1
        self._check()
        return [(items[0], reason)]

    def _check(self) -> None:
        if self._most and self._in_a_row >= self._most:
            raise Unavailable(
                f"refused {self._in_a_row} events in a row, the last ones it was sent: is it set up right?"
            )
