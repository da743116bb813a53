"""What the conformance suite needs of a kind of sink, and how it runs a sink against it.

A new kind brings a subclass in `harnesses.py`. The other side is a process of its own; `Served` starts one for whoever writes
a server as `serving.py` describes.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from audit.sinks import book
from audit.sinks.config import SinkConfig
from audit.sinks.file import parse
from audit.sinks.pump import Pump
from tests.gateway import ROOT
from tests.lib.certificates import certificate

# What a sink must stand. A harness plays each, or says why there is no such thing for it.
FAULTS = (
    "ack_lost",  # it took the batch and its word of it is lost
    "refused",  # nothing listens
    "blackholed",  # it is stopped: connections open and nothing answers
    "slow",
    "throttled",
    "flapping",
    "poison",  # it will never take one of the events
    "wrong_certificate",
    "restarted",  # in the middle, more than once
)
FAST: dict[str, Any] = {
    "retry": {"first_s": 0.02, "longest_s": 0.1},
    "timeout_s": 1.0,
    "batch": {"seconds": 0.05, "events": 20},
}
PATIENCE_S = 90.0  # a busy machine takes its time to start a process


class Harness(ABC):
    kind: ClassVar[str]
    cannot: ClassVar[Mapping[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the operator would write for it, beside what all kinds share."""

    def secrets(self) -> dict[str, str]:
        """By the references that `settings` names; all are env://NAME."""
        return {}

    @abstractmethod
    def received(self) -> list[dict[str, Any]]:
        """Every event that the other side took, in the order in which it could be seen there."""

    def faults(self) -> str:
        """What the other side found to be against the protocol."""
        return ""

    @abstractmethod
    def up(self) -> None: ...

    @abstractmethod
    def down(self) -> None: ...

    def mode(self, word: str) -> None:
        """How the other side behaves from now on."""
        raise NotImplementedError

    def suspend(self) -> None:
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    def swap_certificate(self, *, good: bool) -> None:
        raise NotImplementedError

    def read_secret(self, ref: str) -> str:
        return self.secrets()[ref]

    def entry(self, **more: Any) -> dict[str, Any]:
        return {
            "name": f"{self.kind}-{secrets.token_hex(4)}",
            "kind": self.kind,
            **FAST,
            **self.settings(),
            **more,
        }


class Served(Harness):
    """Behind a server of `serving.py`'s kind, with TLS."""

    module: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        for name in ("good", "bad"):
            (folder / name).mkdir()
            certificate(folder / name, "127.0.0.1")
        self.certificate = self.ca_file
        self.mode("ok")

    @property
    def ca_file(self) -> str:
        return str(self.folder / "good" / "127.0.0.1.pem")

    def arguments(self) -> Sequence[str]:
        return ()

    def up(self) -> None:
        (self.folder / "port").unlink(missing_ok=True)
        argv = [
            sys.executable,
            "-m",
            self.module,
            str(self.folder),
            str(self.port),
            self.certificate,
            *self.arguments(),
        ]
        self.process = subprocess.Popen(argv, cwd=ROOT)
        eventually(lambda: bool(self._port()), "the server listens")
        self.port = self._port()

    def _port(self) -> int:
        try:
            return int((self.folder / "port").read_text() or 0)
        except FileNotFoundError:
            return 0

    def down(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def suspend(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def mode(self, word: str) -> None:
        (self.folder / "mode.new").write_text(word)
        (self.folder / "mode.new").rename(self.folder / "mode")

    def swap_certificate(self, *, good: bool) -> None:
        self.down()
        self.certificate = self.ca_file if good else str(self.folder / "bad" / "127.0.0.1.pem")
        self.up()

    def received(self) -> list[dict[str, Any]]:
        return lines_of(self.folder / "got.jsonl")

    def faults(self) -> str:
        path = self.folder / "faults.txt"
        return path.read_text() if path.exists() else ""


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Whole lines; the last one may be on its way."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1] if line]


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"not after {PATIENCE_S:g} s: {what}"
        time.sleep(0.05)


def configs_of(*entries: dict[str, Any]) -> Sequence[SinkConfig]:
    return parse({"version": 1, "sinks": list(entries)})


@contextmanager
def pumping(*played: tuple[Harness, dict[str, Any]]) -> Iterator[dict[str, int]]:
    """Sinks fed by threads of this process, as `manage.py sinks run` has them; gives their ids by name."""
    configs = configs_of(*(entry for _, entry in played))
    ids = book.keep(configs, actor="test")
    stop = threading.Event()
    threads = [
        threading.Thread(target=Pump(config, ids[config.name], harness.read_secret, stop).run, daemon=True)
        for (harness, _), config in zip(played, configs, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield ids
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert not any(thread.is_alive() for thread in threads)


@contextmanager
def process(folder: Path, harness: Harness, *entries: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py sinks run` as operators start it."""
    path = folder / "sinks.yaml"
    path.write_text(json.dumps({"version": 1, "sinks": list(entries)}))
    given = {ref.removeprefix("env://"): value for ref, value in harness.secrets().items()}
    environ = {**os.environ, **given, "ORBIT_SINKS": str(path)}
    argv = [sys.executable, "manage.py", "sinks", "run"]
    with open(folder / "sinks.log", "ab") as log:
        running = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()
