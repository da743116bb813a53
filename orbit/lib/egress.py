"""The one outbound client for addresses that a tenant can influence.

A destination is parsed once, resolved once, every address of it vetted, and the connection goes to a
vetted address with the name's own TLS check. No redirects, no proxies of the environment, no cookies, no
decompression. `python -m orbit.launcher.hygiene` refuses any other client (docs/decisions/0012-one-way-out.md).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

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
    encoded,
)
from orbit.lib.targets import Target, is_public, listed, parse_origin, split
from orbit.lib.wire import TRIES, WirePool

RESOLVED_S = 30.0  # how long vetted addresses are used before the name is looked up again
POOLS = 512
PLACES = 4096  # origins whose addresses are remembered

MakePool = Callable[[Destination, ssl.SSLContext], Pool]


@dataclass
class Egress:
    """All outbound connections of one process."""

    private_targets: Collection[str]
    timeouts: Timeouts
    make_pool: MakePool
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)  # a megabyte: one for all pools
    places: dict[str, tuple[float, Destination]] = field(default_factory=dict)
    lookups: dict[str, asyncio.Task[Destination]] = field(default_factory=dict)
    pools: OrderedDict[tuple[str, Destination], Pool] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.private_targets = listed(self.private_targets)

    async def vet(self, url: str) -> Destination:
        """Where a URL leads. NotAllowed for a private address that the operator has not listed."""
        return await self.place(split(url)[0], self.timeouts.connect_s)

    def open(
        self,
        account: str,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeouts: Timeouts | None = None,
    ) -> AbstractAsyncContextManager[Answer]:
        """One exchange for one account. Leaving the block before the end breaks the connection off."""
        return _Exchange(self, account, url, (method, headers, body), timeouts or self.timeouts)

    async def place(self, origin: str, seconds: float) -> Destination:
        """The vetted addresses of `https://host[:port]`, looked up within `seconds` if they are not known."""
        known = self.places.get(origin)
        if known is not None and known[0] > asyncio.get_running_loop().time():
            return known[1]
        target = parse_origin(origin, self.private_targets)
        # A name server that does not answer holds a thread for as long as the system's resolver waits: one
        # for each origin, however many calls wait for it.
        lookup = self.lookups.get(origin)
        if lookup is None:
            lookup = self.lookups[origin] = asyncio.create_task(self._look_up(origin, target))
            lookup.add_done_callback(lambda done: self._looked_up(origin, done))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(lookup)
        except TimeoutError as error:
            raise NotConnected(f"{target.host} was not looked up in time") from error

    async def _look_up(self, origin: str, target: Target) -> Destination:
        addresses = (target.host,) if target.literal else await addresses_of(target.host, target.port)
        if not target.listed and not all(is_public(address) for address in addresses):
            raise NotAllowed(f"{target.host} has an address that is not public")
        place = Destination(target.scheme, target.host, target.port, addresses)
        known = self.places.get(origin)
        if known is not None and set(known[1].addresses) == set(addresses):
            place = known[1]  # name servers shuffle; the pool of these addresses is kept
        elif known is None and len(self.places) >= PLACES:
            self.places.clear()
        self.places[origin] = (asyncio.get_running_loop().time() + RESOLVED_S, place)
        return place

    def _looked_up(self, origin: str, done: asyncio.Task[Destination]) -> None:
        del self.lookups[origin]
        if not done.cancelled():
            done.exception()  # nobody may be waiting for it any more

    def pool(self, account: str, destination: Destination) -> Pool:
        pool = self.pools.get((account, destination))
        if pool is None:
            pool = self.pools[account, destination] = self.make_pool(destination, self.tls)
            if len(self.pools) > POOLS:
                self.pools.popitem(last=False)  # closes with its last exchange
        else:
            self.pools.move_to_end((account, destination))
        return pool

    async def close(self) -> None:
        for lookup in list(self.lookups.values()):
            lookup.cancel()
        for pool in self.pools.values():
            await pool.close()


class _Exchange:
    __slots__ = ("account", "egress", "inner", "request", "timeouts", "url")

    def __init__(
        self,
        egress: Egress,
        account: str,
        url: str,
        request: tuple[str, Sequence[tuple[str, str]], bytes],
        timeouts: Timeouts,
    ) -> None:
        self.egress = egress
        self.account = account
        self.url = url
        self.request = request
        self.timeouts = timeouts

    async def __aenter__(self) -> Answer:
        origin, path = split(self.url)
        destination = await self.egress.place(origin, self.timeouts.connect_s)
        method, headers, body = self.request
        pool = self.egress.pool(self.account, destination)
        self.inner = pool.open(method, path, headers, body, self.timeouts)
        return await self.inner.__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        await self.inner.__aexit__(None, None, None)


async def addresses_of(host: str, port: int) -> tuple[str, ...]:
    """All that the system's resolver knows of a name, in its order. NotConnected when that is nothing."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotConnected(f"{host} has no address") from error
    if not found:
        raise NotConnected(f"{host} has no address")
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Httpx2Answer:
    def __init__(self, response: httpx2.Response, until: float | None) -> None:
        self.response = response
        self.status = response.status_code
        self.pieces = response.aiter_raw()
        self.until = until
        self.fault = encoded(self.header("content-encoding"), self.header("transfer-encoding"))

    def header(self, name: str) -> str | None:
        return self.response.headers.get(name)

    def headers(self, names: Iterable[str]) -> dict[str, str]:
        return {name: value for name in names if (value := self.header(name)) is not None}

    async def read(self) -> bytes:
        if self.fault is not None:
            raise self.fault
        try:
            async with asyncio.timeout_at(self.until):
                return await anext(self.pieces, b"")
        except TimeoutError as error:
            raise TimedOut("took too long") from error
        except httpx2.HTTPError as error:
            raise _from_httpx2(error) from error

    async def hang_up(self) -> AsyncIterator[bytes]:
        return  # httpx2 gives nothing that was not asked for; leaving the exchange closes it
        yield


class Httpx2Pool:
    """The second client, `ORBIT_UPSTREAM_CLIENT=httpx2`, should the first one fail somebody."""

    def __init__(self, destination: Destination, tls: ssl.SSLContext) -> None:
        self.destination = destination
        self.client = httpx2.AsyncClient(
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": "orbit-gateway", "accept-encoding": "identity"},
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
        )

    @asynccontextmanager
    async def open(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, timeouts: Timeouts
    ) -> AsyncIterator[Answer]:
        now = asyncio.get_running_loop().time()
        until = None if timeouts.total_s is None else now + timeouts.total_s
        head_until = now + timeouts.first_byte_s
        response = None
        addresses = self.destination.addresses[:TRIES]
        try:
            async with asyncio.timeout_at(head_until if until is None else min(until, head_until)):
                for address in addresses:
                    request = self._request(method, path, headers, body, timeouts, address)
                    try:
                        response = await self.client.send(request, stream=True)
                        break
                    except (httpx2.ConnectError, httpx2.ConnectTimeout):
                        if address == addresses[-1]:
                            raise
        except TimeoutError as error:
            raise TimedOut("no first byte in time") from error
        except httpx2.HTTPError as error:
            raise _from_httpx2(error) from error
        assert response is not None
        try:
            yield Httpx2Answer(response, until)
        finally:
            await response.aclose()

    def _request(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeouts: Timeouts,
        address: str,
    ) -> httpx2.Request:
        place = self.destination
        tries = len(place.addresses[:TRIES])
        return self.client.build_request(
            method,
            httpx2.URL(scheme=place.scheme, host=address, port=place.port, raw_path=path.encode()),
            headers=[*headers, ("host", place.authority)],
            content=body or None,
            timeout=httpx2.Timeout(timeouts.idle_s, connect=timeouts.connect_s / tries),
            extensions={"sni_hostname": place.host},
        )

    async def close(self) -> None:
        await self.client.aclose()


def _from_httpx2(error: httpx2.HTTPError) -> EgressError:
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)):
        return NotConnected(type(error).__name__)
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(type(error).__name__)
    return Broken(type(error).__name__)


CLIENTS: Mapping[str, MakePool] = {"wire": WirePool, "httpx2": Httpx2Pool}


async def read_all(answer: Answer, most_bytes: int) -> bytes:
    """The whole answer. TooLarge when it is longer than `most_bytes`."""
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.read():
        size += len(piece)
        if size > most_bytes:
            raise TooLarge(f"over {most_bytes} bytes")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
