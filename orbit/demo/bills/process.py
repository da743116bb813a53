"""The pretend billing as a child process, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from .scenario import Scenario

_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class BillsHandle:
    """Serves what its file says; write another scenario there at any time."""

    url: str
    path: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def show(self, scenario: Scenario) -> None:
        fresh = self.path.with_suffix(".new")
        scenario.write(fresh)
        fresh.replace(self.path)

    def summary(self) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/__summary")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return found


@contextmanager
def running_bills(folder: Path, scenario: Scenario, *, refuse_every: int = 0) -> Iterator[BillsHandle]:
    """Stops at the end, and when this process dies."""
    path = folder / "bills.json"
    scenario.write(path)
    command = [
        sys.executable,
        "-m",
        "orbit.demo.bills",
        "--scenario",
        str(path),
        "--parent",
        str(os.getpid()),
    ]
    command += ["--refuse-every", str(refuse_every)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    try:
        assert process.stdout
        line = process.stdout.readline()
        if "http://" not in line:
            raise RuntimeError("the pretend billing did not start")
        yield BillsHandle(line.split()[-1], path)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
