"""One web worker: `python -m orbit.launcher.web --fd N`.

All workers accept on one listening socket, which the launcher opened and keeps: a worker that
dies loses its own connections and nothing that waits to be accepted. One that is told to stop accepts nothing more and
answers what still comes on connections that it has, with `connection: close`, before it drains.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import warnings
from functools import partial
from pathlib import Path
from types import FrameType
from typing import cast

import uvicorn
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from orbit.launcher.edge import Bounds, EdgeProtocol, look_at
from orbit.launcher.state import write_private

LINGER_S = 2.0  # for requests on connections that are open
_SETTLE_S = 12  # after the drain, for streams to say goodbye and settle
_LOOK_S = 0.05
_KEEP_ALIVE_S = 75  # longer than the pools of common clients keep a connection unused
_LOOK_AT_ALL = 10  # ticks of uvicorn's, a tenth of a second each
_MOST_FILES = 65_536
_KEPT = 0.8  # of the files that a worker may have open, for clients; the rest is for stores, providers and operators


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--drain-s", type=int, required=True)
    parser.add_argument("--ready", type=Path, metavar="FILE", help="gets this process's id when it serves")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
    os.environ.setdefault("ORBIT_PROCESS", "web")  # before the settings are read
    # whitenoise hands Django a file; Django reads it in a thread and says so on each page
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    bounds = _bounds()
    listening = socket.socket(fileno=options.fd)
    listening.setblocking(False)
    config = uvicorn.Config(
        "orbit.asgi:application",
        interface="asgi3",
        loop="uvloop",
        http=cast(
            "type[EdgeProtocol]", partial(EdgeProtocol, bounds=bounds)
        ),  # over httptools, whose parser is strict
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,  # Django's
        server_header=False,
        proxy_headers=False,  # whom to believe is decided by ORBIT_TRUSTED_PROXIES, not here
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=options.drain_s + _SETTLE_S,
    )
    _Server(config, options.ready, bounds).run(sockets=[listening])


def _bounds() -> Bounds:
    """By the settings, and by the files that this process may have open: as many as the system lets it."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if allowed == resource.RLIM_INFINITY else min(allowed, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, allowed))
    return Bounds(
        head_s=settings.ORBIT_HEAD_S,
        body_s=settings.ORBIT_BODY_S,
        unread_s=settings.ORBIT_UNREAD_S,
        head_bytes=settings.ORBIT_MAX_HEAD_BYTES,
        connections=min(settings.ORBIT_WORKER_CONNECTIONS, int(_KEPT * most)),
    )


class _Server(uvicorn.Server):
    """Stops in two steps, so that a client whose request is on its way gets an answer, and open streams end in their format."""

    def __init__(self, config: uvicorn.Config, ready: Path | None, bounds: Bounds) -> None:
        super().__init__(config)
        self._ready = ready
        self._bounds = bounds
        self._lingering: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None and self.started:
            write_private(self._ready, str(os.getpid()))

    async def on_tick(self, counter: int) -> bool:
        if counter % _LOOK_AT_ALL == 0:
            look_at(self._connections(), self.loop.time(), self._bounds.connections)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.started and self._lingering is None:
            self.loop.call_soon_threadsafe(self._begin_linger, sig, frame)
        else:  # not serving yet, or told for the second time
            self._exit(sig, frame)

    def _begin_linger(self, sig: int, frame: FrameType | None) -> None:
        self._lingering = self.loop.create_task(self._linger(sig, frame), name="linger")

    async def _linger(self, sig: int, frame: FrameType | None) -> None:
        for server in self.servers:
            server.close()  # who connects now is another worker's
        self._say_close()
        ends = self.loop.time() + LINGER_S
        await asyncio.sleep(_LOOK_S)  # what was accepted a moment ago is a connection only now
        while self._idle() and self.loop.time() < ends:  # noqa: ASYNC110 - connections tell nobody what they do
            await asyncio.sleep(_LOOK_S)
        self._exit(sig, frame)

    def _say_close(self) -> None:
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)  # uvicorn makes its headers of these every second
        self.server_state.default_headers = [*self.server_state.default_headers, close]
        for cycle in self._cycles():
            if cycle is not None and not cycle.response_started:  # its headers are those of before
                cycle.keep_alive = False

    def _idle(self) -> bool:
        """Whether a client may be about to ask on a connection that it has."""
        return any(cycle is None or cycle.response_complete for cycle in self._cycles())

    def _cycles(self) -> list[RequestResponseCycle | None]:
        """Each connection's request of the moment, or its last one; None before the first."""
        return [connection.cycle for connection in self._connections()]

    def _connections(self) -> list[EdgeProtocol]:
        return list(cast("set[EdgeProtocol]", self.server_state.connections))

    def _exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        application = getattr(self.config, "loaded_app", None)  # not there while it is being imported
        if application is not None and hasattr(application, "drain"):
            self.loop.call_soon_threadsafe(application.drain)


if __name__ == "__main__":
    main()
