"""The embedded servers of an installation, or of one test run."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orbit.launcher import processes
from orbit.launcher.addresses import free_ports as free_ports
from orbit.launcher.postgres import Postgres
from orbit.launcher.processes import Command, Tether
from orbit.launcher.state import LauncherError, only_instance
from orbit.launcher.valkey import Valkey


class EmbeddedServer(Protocol):
    name: str

    def prepare(self) -> None: ...

    def command(self) -> Command: ...

    def wait_ready(self, pid: int, alive: Callable[[], bool]) -> None: ...

    def environment(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Running:
    """What the running servers offer; `pids` is by server name."""

    environment: dict[str, str]
    pids: dict[str, int]
    postgres: Postgres | None
    valkey: Valkey | None


def needed(directory: Path, environ: Mapping[str, str], *, durable: bool) -> list[EmbeddedServer]:
    """A server for each address that the environment does not give."""
    ports = free_ports(2)
    servers: list[EmbeddedServer] = []
    if not environ.get("DATABASE_URL"):
        servers.append(Postgres(directory, port=ports[0], durable=durable))
    if not environ.get("REDIS_URL"):
        servers.append(Valkey(directory, port=ports[1], durable=durable))
    return servers


@contextlib.contextmanager
def running(directory: Path, environ: Mapping[str, str], *, durable: bool) -> Iterator[Running]:
    """Runs the needed servers without a supervisor, logging to files in `directory`."""
    with only_instance(directory) as lock, contextlib.ExitStack() as stack:
        tether = Tether(lock)
        stack.callback(tether.close)
        servers = needed(directory, environ, durable=durable)
        pids: dict[str, int] = {}
        environment: dict[str, str] = {}
        for server in servers:
            pids[server.name] = stack.enter_context(_started(server, directory, tether))
            environment |= server.environment()
        yield Running(
            environment,
            pids,
            next((each for each in servers if isinstance(each, Postgres)), None),
            next((each for each in servers if isinstance(each, Valkey)), None),
        )


@contextlib.contextmanager
def _started(server: EmbeddedServer, directory: Path, tether: Tether) -> Iterator[int]:
    server.prepare()
    command = server.command()
    log_path = directory / f"{server.name}.log"
    with open(log_path, "ab") as log:
        process = processes.spawn(command, tether, log)
    try:
        _wait_ready(server, process, log_path)
        yield process.pid
    finally:
        processes.stop(process, command, tether)


def _wait_ready(server: EmbeddedServer, process: subprocess.Popen[bytes], log_path: Path) -> None:
    try:
        server.wait_ready(process.pid, lambda: process.poll() is None)
    except LauncherError as error:
        tail = log_path.read_text(errors="replace")[-800:].strip()
        raise LauncherError(f"{error} Its last words:\n{tail}") from None
