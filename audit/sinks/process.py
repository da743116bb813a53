"""The process that feeds the sinks: a thread for each, started anew when the operator's file changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from django.db import connections

from audit.sinks import book
from audit.sinks.base import ReadSecret
from audit.sinks.config import SinkConfig
from audit.sinks.file import Faulty
from audit.sinks.pump import Pump

logger = logging.getLogger(__name__)

LOOK_S = 2.0  # how often the file is looked at
STOP_S = 12.0  # longer than most sinks may take to answer

Load = Callable[[], Sequence[SinkConfig]]
Stamp = tuple[int, int, int] | None


def run(path: Path, load: Load, read_secret: ReadSecret, stop: threading.Event, *, actor: str) -> None:
    """Until it is asked to stop. A file that becomes faulty changes nothing; one that is so at the start is Faulty."""
    for alias in (
        "operator",
        "default",
        "ledger",
    ):  # each thread keeps a connection, of which a pool has too few
        connections.databases[alias].get("OPTIONS", {}).pop("pool", None)
    seen = _stamp(path)  # before it is read: what is written meanwhile is a change
    configs = load()
    while not stop.is_set():
        _feed(configs, read_secret, stop, partial(_has_changed, path, seen), actor)
        seen = _stamp(path)
        try:
            configs = load()
        except Faulty as error:
            logger.error("%s was changed and cannot be used; the sinks go on as before. %s", path, error)


def _feed(
    configs: Sequence[SinkConfig],
    read_secret: ReadSecret,
    stop: threading.Event,
    has_changed: Callable[[], bool],
    actor: str,
) -> None:
    """Feeds all that are not paused, until it is asked to stop or the file has changed."""
    ids = book.keep(configs, actor=actor)
    connections.close_all()
    halt = threading.Event()
    threads = [
        threading.Thread(
            target=Pump(config, ids[config.name], read_secret, halt).run,
            name=f"sink {config.name}",
            daemon=True,
        )
        for config in configs
        if not config.paused
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(LOOK_S) and not has_changed():
        pass
    halt.set()
    for thread in threads:
        thread.join(STOP_S)


def _has_changed(path: Path, seen: Stamp) -> bool:
    return _stamp(path) != seen


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
