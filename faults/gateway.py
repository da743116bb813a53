"""The gateway under fire: workers that may be killed at any time and are replaced at once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from orbit.launcher import state

READY_TIMEOUT_S = 60.0


class Gateway:
    """`web`, `writers` and `senders` (of the sinks) are the processes of the moment."""

    def __init__(self, zygote: subprocess.Popen[bytes], port: int) -> None:
        self._zygote = zygote
        self.port = port
        self.web: list[int] = []
        self.writers: list[int] = []
        self.senders: list[int] = []
        self.deaths = 0
        self._over = False
        self._changed = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._zygote.pid

    def want(self, *, web: int, writers: int = 1, senders: int = 0) -> None:
        """How many there shall be. Fewer than there are kills none."""
        assert self._zygote.stdin is not None
        wanted = {"web": web, "writer": writers, "sender": senders}
        self._zygote.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._zygote.stdin.flush()

    def wait_for(
        self, *, web: int, writers: int = 1, senders: int = 0, timeout_s: float = READY_TIMEOUT_S
    ) -> None:
        """Until there are as many."""
        with self._changed:
            there = self._changed.wait_for(
                lambda: (
                    self._over
                    or (len(self.web), len(self.writers), len(self.senders)) == (web, writers, senders)
                ),
                timeout_s,
            )
        if not there or self._over:
            raise RuntimeError(f"{len(self.web)} workers and {len(self.writers)} writers are there")

    def kill(self, pid: int) -> None:
        """SIGKILL, should it still be there."""
        if pid in (*self.web, *self.writers, *self.senders):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends all of them."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        try:
            self._zygote.wait(10)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
        self._listener.join()
        self._zygote.stdout.close()

    def spread(self) -> list[int]:
        """How many sockets each worker has open."""
        return [sum(map(_is_socket, Path(f"/proc/{pid}/fd").iterdir())) for pid in self.web]

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not all(self._answers() for _ in range(2 * max(1, len(self.web)))):
            if time.monotonic() > deadline:
                raise RuntimeError("the gateway was not ready in time")
            time.sleep(0.05)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _listen(self) -> None:
        assert self._zygote.stdout is not None
        for line in self._zygote.stdout:
            said = json.loads(line)
            with self._changed:
                self.web, self.writers, self.senders = said["web"], said["writer"], said["sender"]
                self.deaths = said["deaths"]
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()


@contextmanager
def running(
    environment: Mapping[str, str],
    *,
    web: int,
    writers: int = 1,
    senders: int = 0,
    longest_s: float | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[Gateway]:
    """So many workers on one listening socket, as the launcher runs them, so many writers of the ledger, and senders of it.

    No task of the writers rests longer than `longest_s`. What all of them say goes to `log`, opened to append; else to our own.
    """
    more = [] if longest_s is None else ["--longest-s", str(longest_s)]
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        fd, port = listening.fileno(), int(listening.getsockname()[1])
        process = subprocess.Popen(
            [sys.executable, "-m", "faults.zygote", "--fd", str(fd), *more],
            cwd=state.PROJECT,
            env={**os.environ, **environment},
            pass_fds=[fd],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        gateway = Gateway(process, port)
        try:
            gateway.want(web=web, writers=writers, senders=senders)
            gateway.wait_for(web=web, writers=writers, senders=senders)
            if web:
                gateway.wait_ready()
            yield gateway
        finally:
            gateway.close()


def _is_socket(descriptor: Path) -> bool:
    """False for one that was closed since it was listed."""
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False
