"""The addresses that an installation listens on."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from dataclasses import dataclass

from orbit.launcher.state import LauncherError

_BACKLOG = 2048


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`HOST:PORT`, `[IPV6]:PORT`."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise LauncherError(
                f"ORBIT_BIND (or --bind) must read HOST:PORT, such as 127.0.0.1:8080, not {text!r}."
            )
        return cls(host.strip("[]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Judged by where the name leads: all of its addresses must be loopback ones."""
        return all(ipaddress.ip_address(found[4][0]).is_loopback for found in self._resolved())

    @property
    def reachable_host(self) -> str:
        """A host by which this machine itself gets there."""
        wildcards = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        return wildcards.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = f"[{self.reachable_host}]" if ":" in self.reachable_host else self.reachable_host
        return f"http://{host}:{self.port}"

    def listen(self, variable: str) -> socket.socket:
        """A listening socket; `variable` is what the message about a taken port tells to change."""
        family, _, _, _, target = self._resolved()[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listening.bind(target)
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            raise LauncherError(self._why(error, variable)) from None
        return listening

    def ensure_free(self, variable: str) -> None:
        self.listen(variable).close()

    def _why(self, error: OSError, variable: str) -> str:
        if error.errno == errno.EADDRINUSE:
            return f"Port {self.port} on {self.host} is taken by another program. Stop that, or set {variable} to another one."
        if error.errno == errno.EACCES:
            return f"Port {self.port} is for administrators only. Set {variable} to one above 1023."
        return f"Cannot listen on {self.host}:{self.port} ({error.strerror}). Change {variable}."

    def _resolved(self) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror:
            raise LauncherError(f"ORBIT_BIND names a host that is not known here: {self.host}.") from None
        return found  # type: ignore[return-value]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. All are held open at once, so they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
