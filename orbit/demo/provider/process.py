"""The provider as a child process, for tests and benchmarks."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_ROOT = Path(__file__).resolve().parents[3]
_STOP_S = 5


@dataclass(frozen=True, slots=True)
class ProviderHandle:
    """`base_url` is what an OpenAI client wants: it ends in /v1."""

    base_url: str
    port: int
    pid: int

    def requests(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Finished requests in the order they ended."""
        found: list[dict[str, Any]] = self._ask(f"requests?since={since}")
        return found

    def request(self, request_id: str) -> dict[str, Any]:
        """One request by its provider request id, finished or still open."""
        found: dict[str, Any] = self._ask(f"requests/{request_id}")
        return found

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("summary")
        return found

    def reset(self) -> None:
        self._ask("reset", method="POST")

    def wait_idle(self, *, timeout_s: float = 5) -> dict[str, Any]:
        """The summary once no request is open."""
        deadline = time.monotonic() + timeout_s
        while (summary := self.summary())["open"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{summary['open']} requests still open at the demo provider")
            time.sleep(0.01)
        return summary

    def _ask(self, what: str, *, method: str = "GET") -> Any:
        connection = HTTPConnection(urlsplit(self.base_url).netloc, timeout=30)
        with closing(connection):
            connection.request(method, f"/__oracle/{what}")
            answer = connection.getresponse()
            body = json.loads(answer.read())
        if answer.status != 200:
            raise LookupError(f"the demo provider's oracle has no {what}")
        return body


@contextmanager
def running_provider(
    *,
    port: int = 0,
    pace: float = 0,
    seed: int = 1,
    oracle: Path | None = None,
    keep: int = 100_000,
    allow_kill: bool = False,
) -> Iterator[ProviderHandle]:
    """Starts it on a free port, stops it at the end; it also ends when this process dies."""
    command = [
        sys.executable,
        "-m",
        "orbit.demo.provider",
        "--port",
        str(port),
        "--pace",
        str(pace),
    ]
    command += ["--seed", str(seed), "--keep", str(keep), "--parent", str(os.getpid())]
    command += ["--oracle", str(oracle)] if oracle else []
    command += ["--allow-kill"] if allow_kill else []
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True, cwd=_ROOT)
        try:
            base_url = _announced(process)
            yield ProviderHandle(base_url, urlsplit(base_url).port or 0, process.pid)
        finally:
            _stop(process)
            complaints.seek(0)
            sys.stderr.write(complaints.read())


def _announced(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    if "http://" not in line:
        raise RuntimeError("the demo provider did not start; it said why on standard error")
    return line.split()[-1]


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
