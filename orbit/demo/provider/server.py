"""The process: options, the listening socket, a clean stop."""

import argparse
import asyncio
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from .app import Options, Provider
from .connection import Connection

_LOOKS_FOR_PARENT_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = Options()
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--host", default=default.host, help="a loopback address (default %(default)s)")
    parser.add_argument(
        "--oracle",
        type=Path,
        metavar="FILE",
        help="append each finished request as JSON line",
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="same seed and prompt, same text")
    parser.add_argument(
        "--pace",
        type=float,
        default=default.pace,
        help="1 is realistic, 0 as fast as possible (default 1)",
    )
    parser.add_argument(
        "--keep",
        type=int,
        default=default.keep,
        help="requests the oracle keeps in memory",
    )
    parser.add_argument(
        "--allow-kill", action="store_true", help="obey kill_peer_after_chunks and _bytes (tests)"
    )
    parser.add_argument(
        "--parent",
        type=int,
        metavar="PID",
        help="stop when this parent process is gone",
    )


def options_from(arguments: argparse.Namespace) -> Options:
    return Options(
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        pace=arguments.pace,
        oracle=arguments.oracle,
        keep=arguments.keep,
        allow_kill=arguments.allow_kill,
        parent=arguments.parent,
    )


def run(options: Options) -> int:
    if not _is_loopback(options.host):
        print(f"demo provider: {options.host} is not a loopback address", file=sys.stderr)
        return 2
    try:
        listener = _listen(options)
    except OSError as failure:
        print(
            f"demo provider: cannot listen on port {options.port}: {failure.strerror}",
            file=sys.stderr,
        )
        return 1
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, listener))
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return factory


def _listen(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
        listener.listen(4_096)
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(options: Options, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    provider = Provider(options)
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(provider.handle, connections), sock=listener)
    port = listener.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"demo provider on http://{host}:{port}/v1", flush=True)
    await _until_told_or_orphaned(stop, options.parent)
    provider.stopping = True
    server.close()
    tasks = [connection.task for connection in connections if connection.task]
    for connection in list(connections):
        connection.abort()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until_told_or_orphaned(stop: asyncio.Event, parent: int | None) -> None:
    """A parent killed with SIGKILL cannot stop us; asking who it is works on every system."""
    while not stop.is_set() and parent in (None, os.getppid()):
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOKS_FOR_PARENT_S)


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
