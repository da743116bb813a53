"""The one outbound client for addresses that a tenant can influence.

A destination is parsed once, resolved once, every address of it vetted, and the connection goes to the
vetted address with the name's own TLS check. No redirects, no proxies of the environment, no cookies, no
decompression.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from orbit.lib.exchange import (
    Answer,
    Broken,
    Destination,
    EgressError,
    NotAllowed,
    NotConnected,
    Pool,
    TimedOut,
    Timeouts,
    TooLarge,
)
from orbit.lib.wire import WirePool

RESOLVED_S = 30.0  # how long a vetted address is used before the name is looked up again
POOLS = 512


@dataclass
class Egress:
    """All outbound connections of one process."""

    private_targets: Collection[str]
    timeouts: Timeouts
    make_pool: Callable[[Destination, Timeouts], Pool]
    resolved: dict[tuple[str, int], tuple[float, str]] = field(default_factory=dict)
    pools: OrderedDict[tuple[str, Destination], Pool] = field(default_factory=OrderedDict)

    async def vet(self, url: str) -> Destination:
        """Where a URL leads. NotAllowed for a private address that the operator has not listed."""
        scheme, host, port, listed = parse_target(url, self.private_targets)
        loop = asyncio.get_running_loop()
        known = self.resolved.get((host, port))
        if known is not None and known[0] > loop.time():
            return Destination(scheme, host, port, known[1])
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotConnected(f"{host} has no address") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not listed and not all(is_public(address) for address in addresses):
            raise NotAllowed(f"{host} has an address that is not public")
        self.resolved[host, port] = (loop.time() + RESOLVED_S, addresses[0])
        return Destination(scheme, host, port, addresses[0])

    def open(
        self, account: str, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> AbstractAsyncContextManager[Answer]:
        """One exchange for one account. Leaving the block before the end breaks the connection off."""
        return _Exchange(self, account, method, url, headers, body)

    def pool(self, account: str, destination: Destination) -> Pool:
        pool = self.pools.get((account, destination))
        if pool is None:
            pool = self.pools[account, destination] = self.make_pool(destination, self.timeouts)
            if len(self.pools) > POOLS:
                self.pools.popitem(last=False)  # closes with its last exchange
        else:
            self.pools.move_to_end((account, destination))
        return pool

    async def close(self) -> None:
        for pool in self.pools.values():
            await pool.close()


class _Exchange:
    def __init__(
        self,
        egress: Egress,
        account: str,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> None:
        self.egress = egress
        self.account = account
        self.request = (method, url, headers, body)

    async def __aenter__(self) -> Answer:
        destination = await self.egress.vet(self.request[1])
        pool = self.egress.pool(self.account, destination)
        self.inner = pool.open(*self.request, self.egress.timeouts.first_byte_s)
        return await self.inner.__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        await self.inner.__aexit__(None, None, None)


def parse_target(url: str, private_targets: Collection[str]) -> tuple[str, str, int, bool]:
    """Scheme, host, port, and whether the operator listed `host:port`. NotAllowed when it is no plain address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or parts.username is not None or parts.scheme not in ("http", "https"):
        raise NotAllowed("the address must read https://host/path")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    listed = f"{host}:{port}" in private_targets
    if parts.scheme == "http" and not listed:
        raise NotAllowed(f"http:// needs {host}:{port} in ORBIT_PRIVATE_TARGETS")
    return parts.scheme, host, port, listed


def is_public(address: str) -> bool:
    """Whether an address is on the open internet, also when wrapped in a form of IPv6."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


class Httpx2Answer:
    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.pieces = response.aiter_raw()

    def header(self, name: str) -> str | None:
        return self.response.headers.get(name)

    async def read(self) -> bytes:
        try:
            return await anext(self.pieces, b"")
        except httpx2.HTTPError as error:
            raise _from_httpx2(error) from error

    async def hang_up(self) -> AsyncIterator[bytes]:
        return  # httpx2 gives nothing that was not asked for; leaving the exchange closes it
        yield


class Httpx2Pool:
    """The second client, `ORBIT_UPSTREAM_CLIENT=httpx2`, should the first one fail somebody."""

    def __init__(self, destination: Destination, timeouts: Timeouts) -> None:
        self.destination = destination
        self.client = httpx2.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": "orbit-gateway"},
            timeout=httpx2.Timeout(timeouts.idle_s, connect=timeouts.connect_s),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        )

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, first_byte_s: float
    ) -> AsyncIterator[Answer]:
        place = self.destination
        host = f"[{place.address}]" if ":" in place.address else place.address
        request = self.client.build_request(
            method,
            httpx2.URL(url).copy_with(host=host),
            headers=[*headers, ("host", place.authority)],
            content=body or None,
            extensions={"sni_hostname": place.host},
        )
        try:
            async with asyncio.timeout(first_byte_s):
                response = await self.client.send(request, stream=True)
        except TimeoutError as error:
            raise TimedOut("no first byte in time") from error
        except httpx2.HTTPError as error:
            raise _from_httpx2(error) from error
        try:
            yield Httpx2Answer(response)
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self.client.aclose()


def _from_httpx2(error: httpx2.HTTPError) -> EgressError:
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)):
        return NotConnected(type(error).__name__)
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(type(error).__name__)
    return Broken(type(error).__name__)


CLIENTS: Mapping[str, Callable[[Destination, Timeouts], Pool]] = {"wire": WirePool, "httpx2": Httpx2Pool}


async def read_all(answer: Answer, most_bytes: int) -> bytes:
    """The whole answer. TooLarge when it is longer than `most_bytes`."""
    first = await answer.read()
    second = await answer.read() if first else b""
    if not second:
        return first
    pieces, size = [first, second], len(first) + len(second)
    while piece := await answer.read():
        size += len(piece)
        if size > most_bytes:
            raise TooLarge(f"over {most_bytes} bytes")
        pieces.append(piece)
    return b"".join(pieces)
