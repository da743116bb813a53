"""The gateway as its users meet it: worker processes on one loopback port."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Gateway:
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def kill(self, pid: int) -> None:
        """SIGKILL to one worker."""
        process = next(one for one in self.processes if one.pid == pid)
        process.send_signal(signal.SIGKILL)
        process.wait(5)


@contextmanager
def running_gateway(
    *,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    drain_s: int = 1,
    log: IO[bytes] | None = None,
) -> Iterator[Gateway]:
    """`workers` processes on one listening socket, as the launcher runs them. `log` takes what they write."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    gateway = Gateway(listening.getsockname()[1])
    fd = listening.fileno()
    command = [sys.executable, "-m", "orbit.launcher.web", "--fd", str(fd), "--drain-s", str(drain_s)]
    # a busy machine is no outage: tests of outages set their own time
    usual = {"ORBIT_DRAIN_S": str(drain_s), "ORBIT_REDIS_TIMEOUT_MS": "5000"}
    environ = {**os.environ, **usual, **(environment or {})}
    try:
        for _ in range(workers):
            gateway.processes.append(
                subprocess.Popen(command, cwd=ROOT, env=environ, pass_fds=[fd], stdout=log, stderr=log)
            )
        _wait_ready(gateway, workers)
        yield gateway
    finally:
        for process in gateway.processes:
            process.terminate()
        for process in gateway.processes:
            try:
                process.wait(drain_s + 10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        listening.close()


def _wait_ready(gateway: Gateway, workers: int) -> None:
    """Until every worker has answered; which one does is up to the kernel, so we ask on parallel connections."""
    deadline = time.monotonic() + 60
    while True:
        try:
            for _ in range(4 * workers):
                with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=3)) as connection:
                    connection.request("GET", "/readyz")
                    answer = connection.getresponse()
                    answer.read()
                assert answer.status == 200
            if workers > 1:
                time.sleep(0.5)  # the slowest sibling is at most this much behind
            return
        except (OSError, AssertionError, http.client.HTTPException):
            if any(process.poll() is not None for process in gateway.processes):
                raise RuntimeError("a web worker exited") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
