"""One web worker: `python -m orbit.launcher.web --fd N`.

All workers accept on one listening socket, which the launcher opened and keeps: a worker that
dies loses its own connections and nothing that waits to be accepted.
"""

from __future__ import annotations

import argparse
import os
import socket

import uvicorn

_KEEP_ALIVE_S = 75  # longer than the pools of common clients keep a connection unused


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--drain-s", type=int, required=True)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
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
        timeout_graceful_shutdown=options.drain_s,
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
