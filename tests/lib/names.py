"""A resolver of a test's own, in the place of `socket.getaddrinfo`, which asyncio calls in a thread."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class StubNames:
    """Answers known names, and fails for others as the real one does. Nothing is asked outside."""

    known: dict[str, list[str]]
    delay_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: Any, port: Any, *args: Any, **named: Any) -> list[tuple[Any, ...]]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        time.sleep(self.delay_s)
        return entries(self.answer(name), int(port))

    def answer(self, name: str) -> Sequence[str]:
        if name not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.known[name]


def entries(addresses: Sequence[str], port: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for address in addresses:
        if ipaddress.ip_address(address.partition("%")[0]).version == 4:
            found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)))
        else:
            found.append((socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)))
    return found
