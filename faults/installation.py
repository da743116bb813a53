"""All that an installation runs, sinks among it, with nothing between its parts; each part can be killed and comes back."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connections
from redis import Redis

from faults import checker, gateway
from faults.checker import Books
from faults.clients import Ask, Crowd, Seen
from faults.gateway import Gateway
from faults.servers import Server, Servers
from faults.tenants import Tenant, make_tenant
from orbit.demo.provider.process import ProviderHandle, running_provider
from quotas import journal
from tests.audit.sinks.harness import Harness
from tests.audit.sinks.harnesses import LinesHarness, WebhookHarness

WEB = 3
LEASE_S = 2
SIGNS_S = 2.0  # and every other task of the background, so that kills meet them all
DOWN_S = 0.5  # a server's, at the longest
REST_S = 60.0  # for all that is on its way to be written, on a busy machine
FAST: dict[str, Any] = {
    "from": "beginning",
    "retry": {"first_s": 0.05, "longest_s": 0.5},
    "batch": {"seconds": 0.1, "events": 40},
    "timeout_s": 3,
}
# How often each part is the one that dies: what holds more than its own memory takes longest to come back.
PARTS = {"web": 38, "writer": 26, "sender": 20, "store": 11, "database": 5}
FLOWS = 4  # calls that are answered, before the next kill
FLOWS_S = 6.0


@dataclass
class Installation:
    servers: Servers
    provider: ProviderHandle
    gateway: Gateway
    store: Redis
    folder: Path
    harnesses: tuple[Harness, ...]
    struck: Tally[str] = field(default_factory=Tally)
    strikes: list[tuple[str, str]] = field(default_factory=list)  # of this trial: when, and what

    @property
    def log(self) -> Path:
        """What the processes of this trial had to say."""
        return self.folder / "processes.log"

    @property
    def journals(self) -> Path:
        return self.folder / "data/journals"

    def begin(self) -> None:
        """Before each trial: all is there, and the oracle forgets the last one."""
        self.wait_whole()
        self.provider.wait_idle(timeout_s=30)
        self.provider.reset()
        self.strikes.clear()
        os.truncate(self.log, 0)

    def tenant(self, limits: list[dict[str, Any]], **policy: Any) -> Tenant:
        return make_tenant(self.provider.base_url, limits, **policy)

    def crowd(self, asks: list[Ask], *, at_once: int) -> Crowd:
        return Crowd(self.gateway.port, asks, at_once)

    def read(self, tenant: Tenant) -> Books:
        return checker.read(
            self.store, self.provider, tenant, rest_s=REST_S, settled=lambda: not self.left_behind()
        )

    def left_behind(self) -> int:
        """How many dead workers' journals are not settled yet."""
        return max(0, len(journal.standing(self.journals)) - WEB)

    def strike(self, chance: random.Random) -> None:
        """Kills one part, or several where a server is one of them: what dies with it or while it is away."""
        part = chance.choices(list(PARTS), list(PARTS.values()))[0]
        if part in ("store", "database"):
            self._strike_server(part, chance)
        else:
            self._strike_process(part, chance)

    def _strike_process(self, part: str, chance: random.Random) -> None:
        running = {"web": self.gateway.web, "writer": self.gateway.writers, "sender": self.gateway.senders}
        if running[part]:
            pid = chance.choice(running[part])
            self._note(part, pid)
            self.gateway.kill(pid)
            self.struck[part] += 1

    def _strike_server(self, part: str, chance: random.Random) -> None:
        server: Server = self.servers.valkey if part == "store" else self.servers.postgres
        self._note(part)
        self.servers.kill(server)
        self.struck[part] += 1
        time.sleep(chance.uniform(0, DOWN_S))
        if chance.random() < 0.4:
            self._strike_process(chance.choice(["web", "writer", "sender"]), chance)
            time.sleep(chance.uniform(0, 0.2))
        self.servers.start(server)
        self._note(f"{part} is back")
        forget_connections()

    def _note(self, what: str, pid: int | None = None) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.strikes.append((moment, what if pid is None else f"{what} {pid}"))

    def wait_whole(self) -> None:
        self.gateway.wait_for(web=WEB, writers=1, senders=1)
        self.gateway.wait_ready()


def forget_connections() -> None:
    """This process's own to the database, which died with it."""
    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


class Traffic:
    """Calls of several tenants at any time, until it is told to stop. `ask` makes so many of them."""

    def __init__(
        self, installation: Installation, asks: list[Callable[[int], list[Ask]]], at_once: int
    ) -> None:
        self._installation = installation
        self._stopped = threading.Event()
        self.seen: list[Seen] = []
        self._running: dict[int, Crowd] = {}  # by thread
        self._threads = [threading.Thread(target=self._run, args=[one, at_once], daemon=True) for one in asks]
        for thread in self._threads:
            thread.start()

    def _run(self, ask: Callable[[int], list[Ask]], at_once: int) -> None:
        while not self._stopped.is_set():
            crowd = self._installation.crowd(ask(2 * at_once), at_once=at_once)
            self._running[threading.get_ident()] = crowd
            found = crowd.run()
            self.seen += found
            crowd.seen = []
            if not any(one.status == 200 for one in found):
                self._stopped.wait(0.1)  # a gateway that refuses is not asked as fast as it can

    def wait_flowing(self) -> None:
        """Until some more calls were answered, or for a while: a kill that meets no call proves little."""
        enough, deadline = self._answered() + FLOWS, time.monotonic() + FLOWS_S
        while self._answered() < enough and time.monotonic() < deadline:
            time.sleep(0.02)

    def _answered(self) -> int:
        running = [one for crowd in list(self._running.values()) for one in list(crowd.seen)]
        return sum(one.status == 200 for one in (*list(self.seen), *running))

    def stop(self) -> list[Seen]:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        return self.seen


@contextmanager
def installation(servers: Servers, *, environment: dict[str, str] | None = None) -> Iterator[Installation]:
    with ExitStack() as stack:
        stack.enter_context(servers.synced_store())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="orbit-installation-")))
        provider = stack.enter_context(running_provider(pace=0))
        settings.ORBIT_PRIVATE_TARGETS.append(f"127.0.0.1:{provider.port}")
        stack.callback(settings.ORBIT_PRIVATE_TARGETS.remove, f"127.0.0.1:{provider.port}")
        harnesses = tuple(_harness(stack, kind, folder) for kind in (LinesHarness, WebhookHarness))
        (folder / "sinks.yaml").write_text(json.dumps({"version": 1, "sinks": list(map(_entry, harnesses))}))
        (folder / "data").mkdir()
        usual = {
            "ORBIT_PRIVATE_TARGETS": f"127.0.0.1:{provider.port}",
            "ORBIT_DATA_DIR": str(folder / "data"),
            "ORBIT_CHECKPOINT_DIR": str(settings.ORBIT_CHECKPOINT_DIR),
            "ORBIT_CHECKPOINT_KEY": str(settings.ORBIT_CHECKPOINT_KEY),
            "ORBIT_SINKS": str(folder / "sinks.yaml"),
            "ORBIT_LEASE_S": str(LEASE_S),
            "ORBIT_WORKERS": str(WEB),
            "ORBIT_DRAIN_S": "1",
            "ORBIT_LOG_LEVEL": "WARNING",
            "ORBIT_REDIS_TIMEOUT_MS": "2000",
            **{
                ref.removeprefix("env://"): value for one in harnesses for ref, value in one.secrets().items()
            },
            **(environment or {}),
        }
        store = stack.enter_context(Redis.from_url(settings.REDIS_URL, socket_timeout=10))
        log = stack.enter_context(open(folder / "processes.log", "ab"))
        running = stack.enter_context(gateway.running(usual, web=WEB, senders=1, longest_s=SIGNS_S, log=log))
        yield Installation(servers, provider, running, store, folder, harnesses)


def _harness(stack: ExitStack, kind: type[Harness], folder: Path) -> Harness:
    own = folder / kind.kind
    own.mkdir()
    made = kind(own)
    made.up()
    stack.callback(made.down)
    return made


def _entry(harness: Harness) -> dict[str, Any]:
    return {"name": harness.kind, "kind": harness.kind, **harness.settings(), **FAST}
