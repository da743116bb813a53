"""Postgres and Valkey of the run's own, both durable, and what may befall the Valkey."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import redis

from orbit.launcher import embedded, processes, state
from orbit.launcher.postgres import Postgres
from orbit.launcher.processes import Command, Tether
from orbit.launcher.valkey import Valkey

Server = Postgres | Valkey
GONE_S = 10.0


class Store(Valkey):
    """The run's own. `synced` before it starts: each command is on the disk before it is answered."""

    synced = False

    def _configuration(self) -> str:
        return super()._configuration() + ("appendfsync always\n" if self.synced else "")


class Replica(Valkey):
    """A copy of another Valkey, fed through the address of `source`."""

    def __init__(self, directory: Path, *, port: int, source: str) -> None:
        super().__init__(directory, port=port)
        parts = urlsplit(source)
        self._password = parts.password or ""
        self._source = f"{parts.hostname} {parts.port}"

    def _configuration(self) -> str:
        mine = f"replicaof {self._source}\nmasterauth {self._password}\nrepl-diskless-sync-delay 0\n"
        return super()._configuration() + mine


class Servers:
    """Call what starts a server from the main thread: a server dies with the thread that started it."""

    def __init__(self, folder: Path, tether: Tether) -> None:
        self.folder = folder
        self._tether = tether
        self._running: dict[Server, subprocess.Popen[bytes]] = {}
        ports = embedded.free_ports(2)
        self.postgres = Postgres(folder, port=ports[0])
        self.valkey = Store(folder, port=ports[1])

    @property
    def store_url(self) -> str:
        return self.valkey.url()

    def start(self, server: Server) -> None:
        server.prepare()
        with open(self.folder / f"{server.name}.log", "ab") as log:
            process = processes.spawn(server.command(), self._tether, log)
        self._running[server] = process
        server.wait_ready(process.pid, lambda: process.poll() is None)

    def stop(self, server: Server) -> None:
        processes.stop(self._running.pop(server), server.command(), self._tether)

    def kill(self, server: Server) -> None:
        """SIGKILL, without a word to it."""
        process = self._running.pop(server)
        backends = _children(process.pid)  # Postgres' are in groups of their own
        processes.kill_group(process)
        self._tether.release(process.pid)
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _wait_gone(backends)

    def spawn(self, command: Command, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """What is no server, and does not outlive us either. From the main thread."""
        return processes.spawn(command, self._tether, log)

    def end(self, process: subprocess.Popen[bytes], command: Command) -> None:
        processes.stop(process, command, self._tether)

    @contextmanager
    def synced_store(self) -> Iterator[None]:
        """The store syncs its append-only file with each command."""
        self.valkey.synced = True
        try:
            self._restart_store()
            yield
        finally:
            self.valkey.synced = False
            self._restart_store()

    def _restart_store(self) -> None:
        if self.valkey in self._running:
            self.stop(self.valkey)
        self.start(self.valkey)

    def revive(self) -> None:
        """Both servers as they should be, should a trial have been broken off."""
        for server in set(self._running) - {self.postgres, self.valkey}:
            self.kill(server)
        for server in (self.postgres, self.valkey):
            if server not in self._running:
                self.start(server)

    def stop_all(self) -> None:
        for server in list(self._running):
            self.stop(server)

    def copy_of_store(self) -> Path:
        """The append-only file as it is now."""
        with redis.Redis.from_url(self.store_url) as store:
            store.execute_command("WAITAOF", 1, 0, 2000)
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "valkey", copy)
        return copy

    def start_store_from(self, copy: Path) -> None:
        """Starts the store with the files of another time or another server."""
        home = self.folder / "valkey"
        for old in home.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        owner = home.stat()
        shutil.copytree(copy, home, dirs_exist_ok=True)
        for path in (home, *home.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        self.start(self.valkey)

    def start_replica(self, source: str) -> Replica:
        (port,) = embedded.free_ports(1)
        directory = self.folder / "replica"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        directory.chmod(0o711)
        replica = Replica(directory, port=port, source=source)
        self.start(replica)
        return replica


def _children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except FileNotFoundError:
        return []


def _wait_gone(pids: list[int]) -> None:
    """Until the last of them has let go of what a new server would find in use."""
    deadline = time.monotonic() + GONE_S
    while any(map(_lives, pids)) and time.monotonic() < deadline:
        time.sleep(0.005)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def running() -> Iterator[Servers]:
    """Both servers, migrated, with the environment set to them."""
    with ExitStack() as stack:
        # As root the servers run as another user, who may not reach a private TMPDIR.
        parent = "/var/tmp" if state.is_root() else None  # noqa: S108 - mkdtemp's folder is ours alone
        folder = Path(tempfile.mkdtemp(prefix="orbit-faults-", dir=parent))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        state.make_data_dir(folder)
        (folder / "static").mkdir()  # its absence is worth a warning to every worker
        tether = Tether(stack.enter_context(state.only_instance(folder)))
        stack.callback(tether.close)
        servers = Servers(folder, tether)
        stack.callback(servers.stop_all)
        servers.start(servers.postgres)
        servers.start(servers.valkey)
        _set_environment(servers)
        for command in ("migrate", "ensure_roles"):
            argv = [sys.executable, str(state.PROJECT / "manage.py"), command, "--verbosity", "0"]
            subprocess.run(argv, check=True, cwd=state.PROJECT)
        yield servers


def _set_environment(servers: Servers) -> None:
    for name in [name for name in os.environ if name.startswith("ORBIT_")]:
        del os.environ[name]  # what a shell has for its own installation is not for us
    os.environ.update(servers.postgres.environment() | servers.valkey.environment())
    os.environ.update(
        {
            "ORBIT_DATA_DIR": str(servers.folder),
            "ORBIT_SECRET_KEY": secrets.token_urlsafe(32),
            "ORBIT_KEY_PEPPER": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ORBIT_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DJANGO_SETTINGS_MODULE": "orbit.settings.prod",
        }
    )
