"""The gateway under test: worker processes on one listening socket, as the launcher runs them."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orbit.launcher import state

SESSIONS = "orbit-bench-gateway"  # the name of its sessions in Postgres
READY_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Gateway:
    port: int
    pids: list[int]


@contextmanager
def running(workers: int, program: Sequence[str] = ("orbit.launcher.web",)) -> Iterator[Gateway]:
    """`program` is the worker's module and what stands before its options."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        fd, port = listening.fileno(), int(listening.getsockname()[1])
        command = [sys.executable, "-m", *program, "--fd", str(fd), "--drain-s", "1"]
        environment = {**os.environ, "PGAPPNAME": SESSIONS}
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(workers):
                processes.append(  # noqa: PERF401 - those that started must be stopped should the next one fail
                    subprocess.Popen(command, cwd=state.PROJECT, env=environment, pass_fds=[fd])
                )
            for _ in range(4 * workers):  # which worker answers is up to the kernel
                _wait_ready(port)
            yield Gateway(port, [process.pid for process in processes])
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(30)


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        finally:
            connection.close()
        if time.monotonic() > deadline:
            raise RuntimeError("the gateway was not ready in time")
        time.sleep(0.1)
