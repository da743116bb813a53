"""The web worker's server as the launcher starts it, in front of a trivial application."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from orbit.launcher import state, web
from orbit.launcher.addresses import Address
from orbit.launcher.edge import Bounds, EdgeProtocol
from orbit.launcher.embedded import free_ports

_APP = """
import sys, types
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
sys.modules["orbit.asgi"] = types.ModuleType("orbit.asgi")
sys.modules["orbit.asgi"].application = application
from orbit.launcher import web
from orbit.launcher.edge import Bounds, EdgeProtocol
web.main()
"""


@dataclass
class Workers:
    listening: socket.socket
    processes: list[subprocess.Popen[bytes]]

    def ask(self, request: bytes) -> bytes:
        with socket.create_connection(self.listening.getsockname(), timeout=10) as connection:
            connection.sendall(request)
            return connection.recv(65536)


@pytest.fixture
def workers() -> Iterator[Workers]:
    listening = Address("127.0.0.1", free_ports(1)[0]).listen("ORBIT_BIND")
    argv = [sys.executable, "-c", _APP, "--fd", str(listening.fileno()), "--drain-s", "1"]
    descriptors = (listening.fileno(),)
    made = [subprocess.Popen(argv, cwd=state.PROJECT, pass_fds=descriptors) for _ in range(2)]
    yield Workers(listening, made)
    for process in made:
        process.kill()
        process.wait()
    listening.close()


_PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_killed_worker_loses_nothing_that_waits(workers: Workers) -> None:
    assert workers.ask(_PLAIN).startswith(b"HTTP/1.1 200")
    workers.processes[0].kill()
    assert all(workers.ask(_PLAIN).startswith(b"HTTP/1.1 200") for _ in range(20))


def test_answer_does_not_name_the_server(workers: Workers) -> None:
    assert b"\r\nserver:" not in workers.ask(_PLAIN).lower()


def test_sigterm_ends_a_worker_cleanly(workers: Workers) -> None:
    workers.ask(_PLAIN)
    process = workers.processes[0]
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(10) in {0, -signal.SIGTERM}


def _asked(connection: socket.socket) -> bytes:
    """The answer to one more request on a connection; what there is of it when the connection ends."""
    connection.sendall(_PLAIN)
    answer = b""
    while not answer.endswith(b"\r\n\r\nok") and (piece := connection.recv(65536)):
        answer += piece
    return answer


def test_stopping_worker_answers_on_connections_that_it_has(workers: Workers) -> None:
    workers.processes[1].kill()
    with socket.create_connection(workers.listening.getsockname(), timeout=10) as connection:
        assert b"connection: close" not in _asked(connection)
        workers.processes[0].terminate()
        answer = _asked(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert workers.processes[0].wait(10) in {0, -signal.SIGTERM}


def test_stopping_worker_says_that_it_closes(workers: Workers) -> None:
    workers.processes[1].kill()
    with socket.create_connection(workers.listening.getsockname(), timeout=10) as connection:
        _asked(connection)
        workers.processes[0].terminate()
        while b"connection: close" not in (answer := _asked(connection)):
            assert answer.startswith(b"HTTP/1.1 200"), "the connection ended without a word"


class _Draining:
    """An application that refuses what it meets once it drains."""

    def __init__(self) -> None:
        self.draining = False

    def drain(self) -> None:
        self.draining = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = 503 if self.draining else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def test_connection_accepted_in_the_moment_of_sigterm_is_answered() -> None:
    """It becomes a connection of the server only in the loop's next turn, when the server has looked for such."""

    class AtOnce(EdgeProtocol):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, bounds=Bounds(), **named)
            server._begin_linger(signal.SIGTERM, None)

    settings: dict[str, Any] = {"loop": "uvloop", "lifespan": "off", "ws": "none", "log_config": None}
    config = uvicorn.Config(
        _Draining(), interface="asgi3", http=AtOnce, proxy_headers=False, timeout_keep_alive=5, **settings
    )
    server = web._Server(config, None, Bounds())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        serving = threading.Thread(target=server.run, args=[[listening]])
        serving.start()
        with socket.create_connection(listening.getsockname(), timeout=10) as connection:
            answer = _asked(connection)
        serving.join(10)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    assert not serving.is_alive()


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Content-Length: +3",
    ],
)
def test_ambiguous_length_is_refused(workers: Workers, headers: bytes) -> None:
    request = b"POST / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert workers.ask(request).startswith(b"HTTP/1.1 400")
