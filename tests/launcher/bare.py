"""A web worker's server as the launcher starts it, in front of an application that remembers whom it served."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from orbit.launcher import state
from orbit.launcher.addresses import Address
from orbit.launcher.embedded import free_ports

LARGE = 30_000_000  # bytes of /large: more than a client that does not read lets through
LATE_S = 3.5  # before /late is answered: more than a head's second and two looks of the server's
APPLICATION = f"""
import asyncio, json, sys, types
served = []
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({{"type": "lifespan.startup.complete"}})
        return await send({{"type": "lifespan.shutdown.complete"}})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    if scope["path"] == "/late":
        await asyncio.sleep({LATE_S})
    body = b"x" * {LARGE} if scope["path"] == "/large" else json.dumps(served).encode()
    if scope["path"] != "/served":
        served.append(scope["path"])
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}})
    await send({{"type": "http.response.body", "body": body}})
sys.modules["orbit.asgi"] = types.ModuleType("orbit.asgi")
sys.modules["orbit.asgi"].application = application
from orbit.launcher import web
web.main()
"""


@dataclass
class Bare:
    listening: socket.socket

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listening.getsockname(), timeout=30)

    def told(self, sent: bytes) -> bytes:
        """All that comes back until the server closes."""
        with self.connect() as connection:
            connection.sendall(sent)
            return everything(connection)

    def served(self) -> list[str]:
        """Paths, in order, by a request of its own."""
        answer = self.told(b"GET /served HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        found: list[str] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found


def everything(connection: socket.socket) -> bytes:
    """What comes until the connection is closed; a reset closes it, too."""
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def _begins(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(65_536))
    except TimeoutError:
        return False


@contextmanager
def running(environment: Mapping[str, str] | None = None) -> Iterator[Bare]:
    listening = Address("127.0.0.1", free_ports(1)[0]).listen("ORBIT_BIND")
    argv = [sys.executable, "-c", APPLICATION, "--fd", str(listening.fileno()), "--drain-s", "1"]
    process = subprocess.Popen(
        argv, cwd=state.PROJECT, pass_fds=(listening.fileno(),), env={**os.environ, **(environment or {})}
    )
    try:
        bare = Bare(listening)
        with bare.connect() as connection:
            connection.sendall(b"GET /served HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.settimeout(0.5)
            while not _begins(connection):
                assert process.poll() is None
        yield bare
    finally:
        process.kill()
        process.wait()
        listening.close()
