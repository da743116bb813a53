"""An installation as a server runs it: the launcher's web workers, Celery's task worker and its scheduler, each a process.

Nothing stands between its parts, and its settings are those that an installation has by itself.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from redis import Redis

from faults.servers import Servers
from faults.tenants import Tenant, make_tenant
from orbit.demo.provider.process import ProviderHandle, running_provider
from orbit.launcher import state
from orbit.launcher.processes import Command

WORKERS = 2
READY_S = 60.0
STEADY_S = 10.0  # a process that lived so long starts again at once, as under the launcher
LONGEST_REST_S = 30.0
CELERY = (sys.executable, "-m", "celery", "-A", "orbit.celery")
QUIETLY = ("--loglevel", "ERROR")


@dataclass
class Part:
    """One process, started again when it ends by itself, after twice as long each time."""

    command: Command
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    rest_s: float = 0.1
    due: float = 0.0
    deaths: int = 0


@dataclass
class Whole:
    """`log` has what its processes say."""

    servers: Servers
    provider: ProviderHandle
    port: int
    store: Redis
    folder: Path
    parts: list[Part] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "processes.log"

    @property
    def web(self) -> list[int]:
        return [
            one.process.pid
            for one in self.parts
            if one.command.name.startswith("web") and one.process is not None
        ]

    @property
    def deaths(self) -> int:
        """How many processes have ended by themselves."""
        return sum(one.deaths for one in self.parts)

    def begin(self) -> None:
        """Before each trial: all runs, and the oracle forgets the last one."""
        self.start()
        self.wait_ready()
        self.provider.wait_idle(timeout_s=60)
        self.provider.reset()
        os.truncate(self.log, 0)

    def start(self) -> None:
        for part in self.parts:
            if part.process is None:
                part.rest_s, part.deaths = 0.1, 0
                self._start(part)

    def stop(self) -> None:
        for part in self.parts:
            if part.process is not None:
                self.servers.end(part.process, part.command)
                part.process = None

    def keep(self) -> None:
        """Starts again what has ended, when its rest is over. Call it often."""
        now = time.monotonic()
        for part in self.parts:
            if part.process is None or part.process.poll() is None:
                continue
            if not part.due:
                part.deaths += 1
                if now - part.began > STEADY_S:
                    part.rest_s = 0.1
                part.due, part.rest_s = now + part.rest_s, min(2 * part.rest_s, LONGEST_REST_S)
            elif now >= part.due:
                self.servers.end(part.process, part.command)
                self._start(part)

    def wait_ready(self, path: str = "/readyz") -> None:
        """Until every worker answers; which of them does is up to the kernel."""
        deadline = time.monotonic() + READY_S
        while not all(self.answers(path) for _ in range(4 * WORKERS)):
            self.keep()
            if time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the gateway was not ready in time; last words:\n{said}")
            time.sleep(0.05)

    def answers(self, path: str) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def tenant(self, limits: list[dict[str, Any]], **policy: Any) -> Tenant:
        return make_tenant(self.provider.base_url, limits, **policy)

    def _start(self, part: Part) -> None:
        with self.log.open("ab") as log:
            part.process = self.servers.spawn(part.command, log)
        part.began, part.due = time.monotonic(), 0.0


@contextmanager
def whole(
    servers: Servers, *, environment: Mapping[str, str] | None = None, keep: int = 20_000, tasks: int = 2
) -> Iterator[Whole]:
    """`keep` is how many calls the provider's oracle remembers, `tasks` how many tasks run at a time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="orbit-whole-")))
        provider = stack.enter_context(running_provider(pace=0, keep=keep))
        target = f"127.0.0.1:{provider.port}"
        settings.ORBIT_PRIVATE_TARGETS.append(target)
        stack.callback(settings.ORBIT_PRIVATE_TARGETS.remove, target)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        env = {
            **os.environ,
            "ORBIT_PRIVATE_TARGETS": target,
            "ORBIT_DATA_DIR": str(folder / "data"),
            "ORBIT_WORKERS": str(WORKERS),
            "ORBIT_DRAIN_S": "1",
            "ORBIT_LOG_LEVEL": "ERROR",
            "ORBIT_METRICS_ADDRESSES": "127.0.0.0/8",
            **(environment or {}),
        }
        (folder / "data").mkdir()
        (folder / "processes.log").touch()
        collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(
            collect, check=True, cwd=state.PROJECT, env=env
        )  # pages are what an operator signs in on
        store = stack.enter_context(Redis.from_url(settings.REDIS_URL, socket_timeout=10))
        made = Whole(servers, provider, int(listening.getsockname()[1]), store, folder)
        made.parts = [Part(one) for one in _commands(env, listening.fileno(), tasks)]
        stack.callback(made.stop)
        yield made


def _commands(env: Mapping[str, str], listening: int, tasks: int) -> Iterator[Command]:
    web = (sys.executable, "-m", "orbit.launcher.web", "--fd", str(listening), "--drain-s", "1")
    for number in range(WORKERS):
        yield Command(f"web {number}", web, env, state.PROJECT, stop_timeout_s=30, pass_fds=(listening,))
    for queue in ("celery", "jobs"):
        named = ("--queues", queue, "--hostname", f"{queue}@%h", "--concurrency", str(tasks))
        worker = ("worker", *named, "--without-gossip", "--without-mingle", *QUIETLY)
        yield Command(queue, (*CELERY, *worker), env, state.PROJECT)
    yield Command("beat", (*CELERY, "beat", "--pidfile=", *QUIETLY), env, state.PROJECT)
