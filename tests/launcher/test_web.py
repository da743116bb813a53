"""The web worker's server as the launcher starts it, in front of a trivial application."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from orbit.launcher import state
from orbit.launcher.addresses import Address
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
