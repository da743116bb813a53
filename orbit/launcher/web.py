"""One web worker: `python -m orbit.launcher.web --fd N`.

All workers accept on one listening socket, which the launcher opened and keeps: a worker that
dies loses its own connections and nothing that waits to be accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import warnings
from types import FrameType

import uvicorn

_SETTLE_S = 12  # after the drain, for streams to say goodbye and settle
_KEEP_ALIVE_S = 75  # longer than the pools of common clients keep a connection unused


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--drain-s", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
    # whitenoise hands Django a file; Django reads it in a thread and says so on each page
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    listening = socket.socket(fileno=options.fd)
    listening.setblocking(False)
    config = uvicorn.Config(
        "orbit.asgi:application",
        interface="asgi3",
        loop="uvloop",
        http="httptools",  # its strict parser refuses ambiguous framing
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,  # Django's
        server_header=False,
        proxy_headers=False,  # whom to believe is decided by ORBIT_TRUSTED_PROXIES, not here
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=options.drain_s + _SETTLE_S,
    )
    _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells the application at once that it is to stop, so that open streams end in their own wire format."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        application = getattr(self.config, "loaded_app", None)  # not there while it is being imported
        if application is not None and hasattr(application, "drain"):
            self.loop.call_soon_threadsafe(application.drain)


if __name__ == "__main__":
    main()
