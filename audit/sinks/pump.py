"""Feeds one sink from the ledger: in order, at least once, in batches, for as long as its process lives."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, connections

from audit.sinks import progress, reading
from audit.sinks.base import BrokeOff, Item, ReadSecret, Sink, Unavailable
from audit.sinks.config import SinkConfig
from audit.sinks.division import Division
from audit.sinks.registry import KINDS
from audit.sinks.rendering import View

logger = logging.getLogger(__name__)

OTHERS_TURN_S = 5.0  # how often a process that is not the one to feed a sink asks whether it is now
SEEN_S = 10.0
HANG_UPS = 5  # in a row on the same batch, after which one of its events may be the reason


@dataclass
class Batch:
    items: list[Item] = field(default_factory=list)
    moves: dict[int, tuple[int, int]] = field(default_factory=dict)  # by shard: from where to where
    passed_over: int = 0
    missing: int = 0
    bytes: int = 0
    is_full: bool = False


class Pump:
    """One sink's own thread, connection to the database and pace. It holds one batch, however much waits."""

    def __init__(
        self, config: SinkConfig, sink_id: int, read_secret: ReadSecret, stop: threading.Event
    ) -> None:
        self._config = config
        self._id = sink_id
        self._read_secret = read_secret
        self._stop = stop
        self._sink: Sink | None = None
        self._view: View | None = None
        self._cursors: dict[int, int] = {}
        self._taken: Item | None = None  # the last one that the sink acknowledged
        self._batch: Batch | None = None  # what is being sent, and sent again until it is acknowledged
        self._turn = 0  # of the shards: where the next batch begins
        self._failures = 0
        self._hang_ups = 0
        self._seen_at = 0.0

    def run(self) -> None:
        """Until it is asked to stop."""
        while not self._stop.is_set():
            try:
                with progress.leading(self._id) as leads:
                    if leads:
                        self._lead()
                if not leads:
                    self._stop.wait(OTHERS_TURN_S * _some())
            except progress.Overtaken:
                logger.warning("sink %s: another process feeds it", self._config.name)
            except (DatabaseError, InterfaceError) as error:
                self._failures += 1
                logger.warning("sink %s: the database: %s", self._config.name, type(error).__name__)
                self._stop.wait(self._backoff())
            except Exception:  # an edge: one sink's fault must not end its thread for good
                self._failures += 1
                logger.exception("sink %s", self._config.name)
                self._stop.wait(self._backoff())
            finally:
                self._let_go()
        connections.close_all()

    def _let_go(self) -> None:
        """Another process may feed the sink from here on."""
        self._batch = None
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _lead(self) -> None:
        self._cursors = progress.cursors(self._id)
        while not self._stop.is_set():
            if not self.step():
                self._stop.wait(self._config.batch.seconds)

    def step(self) -> bool:
        """Sends one batch. Whether there is more to do at once."""
        try:
            batch = self._batch or self._gather()
            if not batch.moves:
                self._tell_alive()
                return self._replay()
            self._batch = batch
            refused = self._deliver(batch.items) if batch.items else []
        except Unavailable as error:
            self._failed(error)
            return True
        progress.settled(
            self._id,
            batch.moves,
            sent=len(batch.items) - len(refused),
            passed_over=batch.passed_over,
            missing=batch.missing,
            refused=refused,
        )
        self._after(batch, refused)
        return batch.is_full

    def _after(self, batch: Batch, refused: list[tuple[Item, str]]) -> None:
        for shard, (_, after) in batch.moves.items():
            self._cursors[shard] = after
        if self._failures:
            logger.warning("sink %s: takes events again", self._config.name)
        for item, reason in refused:
            logger.error("sink %s: refused event %s: %s", self._config.name, item.event_id, reason)
        if batch.missing:
            logger.error(
                "sink %s: %d events were dropped from the ledger before they were sent",
                self._config.name,
                batch.missing,
            )
        self._failures = self._hang_ups = 0
        self._batch = None

    # gathering

    def _gather(self) -> Batch:
        """What follows the cursors, shard by shard; a shard that fills a batch is the last one to be asked next time."""
        batch, view, most = Batch(), self._opened()[1], self._config.batch
        ends = reading.positions()
        behind = sorted(shard for shard, cursor in self._cursors.items() if ends.get(shard, 0) > cursor)
        behind = [one for one in behind if one > self._turn] + [one for one in behind if one <= self._turn]
        looked_at = 0
        for shard in behind:
            before = self._cursors[shard]
            stretch = reading.stretch(shard, before, ends[shard], most.events - looked_at)
            looked_at += len(stretch.rows)
            reaches, expected = before, before + 1
            for row in stretch.rows:
                item = view.item(row) if view.wants(row) else None
                if item is not None and batch.items and batch.bytes + len(item.text) > most.bytes:
                    batch.is_full = True
                    break
                batch.missing += row["shard_seq"] - expected
                reaches, expected = row["shard_seq"], row["shard_seq"] + 1
                if item is None:
                    batch.passed_over += 1
                else:
                    batch.items.append(item)
                    batch.bytes += len(item.text)
            else:
                batch.missing += stretch.reaches - reaches
                reaches = stretch.reaches
            if reaches > before:
                batch.moves[shard] = (before, reaches)
            batch.is_full = batch.is_full or looked_at >= most.events
            if batch.is_full:
                self._turn = shard
                break
        return batch

    # sending

    def _opened(self) -> tuple[Sink, View]:
        if self._view is None:
            key = self._read_secret(self._config.digest_key) if self._config.digest_key else ""
            self._view = View(self._config, key)
        if self._sink is None:
            self._sink = KINDS[self._config.kind].open(self._config, self._read_secret)
        return self._sink, self._view

    def _deliver(self, items: list[Item]) -> list[tuple[Item, str]]:
        sink, _ = self._opened()
        suspects = self._hang_ups >= HANG_UPS
        most = self._config.retry.refusals_in_a_row
        division = Division(sink, most, suspects=suspects, pause=self._pause, witness=self._taken)
        refused = division.deliver(items)
        known = {item.event_id for item, _ in refused}
        self._taken = next((item for item in reversed(items) if item.event_id not in known), self._taken)
        return refused

    def _pause(self, turn: int) -> bool:
        return not self._stop.wait(self._config.retry.first_s * turn * _some())

    def _failed(self, error: Unavailable) -> None:
        self._hang_ups = self._hang_ups + 1 if isinstance(error, BrokeOff) else 0
        if self._hang_ups >= HANG_UPS:
            self._batch = None  # gathered anew, so that there is something else to compare the culprit with
        if not self._failures:
            logger.warning("sink %s: %s; what it is owed waits in the ledger", self._config.name, error)
        self._failures += 1
        wait_s = max(self._backoff(), error.retry_after_s or 0.0)
        progress.failed(self._id, str(error), wait_s)
        if self._sink is not None:
            self._sink.close()  # a secret that was rotated or a certificate that was replaced is read anew
            self._sink = None
        self._stop.wait(wait_s)

    def _backoff(self) -> float:
        retry = self._config.retry
        return float(min(retry.longest_s, retry.first_s * 2 ** min(self._failures - 1, 20))) * _some()

    # what is sent once more

    def _replay(self) -> bool:
        """Dead letters that an operator wants sent again, when nothing else waits."""
        letters = progress.asked_again(self._id, self._config.batch.events)
        if not letters:
            return False
        view, reasons, by_id, items = self._opened()[1], {}, {}, []
        for letter in letters:
            row = reading.one(letter.shard, letter.shard_seq)
            if row is None:
                reasons[letter.pk] = "it is no longer in the ledger"
                continue
            items.append(view.item(row))
            by_id[letter.event_id] = letter.pk
        refused = self._deliver(items) if items else []
        self._failures = self._hang_ups = 0
        progress.replayed(letters, reasons | {by_id[item.event_id]: reason for item, reason in refused})
        return True

    def _tell_alive(self) -> None:
        if time.monotonic() - self._seen_at > SEEN_S:
            self._seen_at = time.monotonic()
            progress.seen(self._id)


def _some() -> float:
    """From half to all, so that sinks which failed together do not come back together."""
    return random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing it
