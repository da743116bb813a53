"""Each sink away for an hour, a hundred times as fast: events keep coming, nothing is lost, all of it is caught up."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from django.db import connections

from tests.audit.sinks.conftest import Feeds
from tests.audit.sinks.harness import Harness, eventually, process
from tests.audit.sinks.test_conformance import arrived, caught_up, check, lag_of

DOWN_S = 36
HUNG_S = 300  # no machine is so slow
RATE = 150  # events a second, while it is away and while it catches up


class Load:
    """Events at a steady rate, in the ledger at once."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._feeds.send(RATE // 5)
            due += 0.2
            time.sleep(max(0.0, due - time.monotonic()))
        connections.close_all()


def rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


SHOWN = ("forward", "google", "kafka", "lines", "otlp", "webhook")


@pytest.mark.full
@pytest.mark.parametrize("harness", SHOWN, indirect=True)
def test_an_hour_away_loses_nothing_and_is_caught_up(harness: Harness, feeds: Feeds, tmp_path: Path) -> None:
    entry = harness.entry(organizations=feeds.slugs)
    entry |= {"batch": {}, "retry": {"longest_s": 1}, "timeout_s": 10}
    with process(tmp_path, harness, entry) as running:
        eventually(lambda: f"sink {entry['name']}: add" in (tmp_path / "sinks.log").read_text(), "it began")
        feeds.send(30)
        eventually(arrived(harness, feeds), "it is fed")
        before_mb = rss_mb(running.pid)
        harness.suspend() if "blackholed" not in harness.cannot else harness.down()
        with Load(feeds):
            time.sleep(DOWN_S)
            behind, begun = len(feeds.sent), time.monotonic()
            harness.resume() if "blackholed" not in harness.cannot else harness.up()
            while lag_of(entry["name"]).events > RATE:
                assert time.monotonic() - begun < HUNG_S, "it did not catch up"
                time.sleep(0.1)
            took_s, sent = time.monotonic() - begun, len(feeds.sent)
        eventually(caught_up(entry["name"]), "it has all")
        after_mb = rss_mb(running.pid)
    twice = check(harness, feeds)
    arrival, rate = behind / DOWN_S, (sent - 30) / took_s
    print(
        f"{harness.kind}: {behind} events waited ({arrival:.0f} a second); caught up {rate:.0f} a second = {rate / arrival:.1f} times;"
        f" {len(feeds.sent)} sent, 0 lost, {twice} twice; memory {before_mb:.0f} → {after_mb:.0f} MB"
    )
    assert behind > 1000  # more than a batch; how many there are is the machine's
    assert after_mb - before_mb < 64
