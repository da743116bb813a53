"""Pages and the management API take turns, so that nobody's requests keep others from the threads and the database.

Those of one organization, or of one client where there is no organization in the address, stand in one lane. Few of a lane
are worked at together; free places go around the lanes, within a lane around its clients, and of a client around its
credentials. Operators and signing in have places of their own. A body is read before its request takes a place, so that a
slow one holds nothing. Nobody has looked at a credential yet, so what is bounded is bounded by where a request comes from.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings

from console import streaming
from orbit.lib.peer import client_address
from orbit.unserved import Unserved, answer
from proxy.room import SMALL, Share

MOST_BYTES = 25_000_000  # of a request: the largest file that a page takes, and its form around it
EACH = 2  # of a lane at once; ORBIT_PAGES is at least twice that
STREAMS, MOST_STREAMS = 1, 32  # of a lane, and of a worker, beside those
STEPS = 2  # of streams that are made at once
WAITING = 100  # of a lane, and of a client in all lanes
PATIENCE_S = 10.0
PLACES_OF_OPERATORS, PLACES_OF_ACCOUNTS, PLACES_OF_PROVIDERS = 3, 2, 2
PROVIDERS = "/accounts/sso/"  # where an organization's own sign-in may keep us waiting
ACCOUNTS = "/accounts/"
OPERATORS = ("/admin/", "/operator/")
ORGANIZATIONS = (
    ("o",),
    ("api", "v1", "organizations"),
    ("accounts", "sso"),
)  # what an organization's short name follows in an address

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Turn = asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Asker:
    lane: str
    client: str  # an address, or what of it one client has
    who: str  # a credential that nobody has looked at yet


@dataclass(slots=True)
class Line:
    """What one client has waiting in a lane, by who asks."""

    waiting: OrderedDict[str, deque[Turn]] = field(default_factory=OrderedDict)
    length: int = 0

    def first(self) -> Turn:
        """Whose turn it is; whoever asked it goes to the end."""
        who = next(iter(self.waiting))
        self.waiting.move_to_end(who)
        return self._without(who, self.waiting[who].popleft())

    def newest(self, who: str) -> Turn:
        return self._without(who, self.waiting[who].pop())

    def _without(self, who: str, turn: Turn) -> Turn:
        if not self.waiting[who]:
            del self.waiting[who]
        self.length -= 1
        return turn

    def remove(self, who: str, turn: Turn) -> None:
        if turn in self.waiting.get(who, ()):
            self.waiting[who].remove(turn)
            self._without(who, turn)


@dataclass(slots=True)
class Lane:
    running: int = 0
    streams: int = 0
    lines: OrderedDict[str, Line] = field(default_factory=OrderedDict)  # by client

    @property
    def length(self) -> int:
        return sum(line.length for line in self.lines.values())

    @property
    def is_empty(self) -> bool:
        return not (self.running or self.streams or self.lines)

    def add(self, asker: Asker, turn: Turn) -> None:
        line = self.lines.setdefault(asker.client, Line())
        line.waiting.setdefault(asker.who, deque()).append(turn)
        line.length += 1

    def first(self) -> Turn:
        client, line = next(iter(self.lines.items()))
        turn = line.first()
        self.lines.move_to_end(client)
        self._tidy(client)
        return turn

    def remove(self, asker: Asker, turn: Turn) -> None:
        if asker.client in self.lines:
            self.lines[asker.client].remove(asker.who, turn)
            self._tidy(asker.client)

    def fullest(self) -> str:
        """The client that has the most waiting."""
        return max(self.lines, key=lambda client: self.lines[client].length)

    def has(self, client: str) -> int:
        line = self.lines.get(client)
        return line.length if line is not None else 0

    def make_room(self, asker: Asker) -> bool:
        """Whether somebody with more waiting has lost its newest turn to this one."""
        client = self.fullest()
        if self.has(client) <= self.has(asker.client) + 1:
            client = asker.client
        line = self.lines.get(client)
        if line is None:
            return False
        who = max(reversed(line.waiting), key=lambda one: len(line.waiting[one]))
        if client == asker.client and len(line.waiting[who]) <= len(line.waiting.get(asker.who, ())) + 1:
            return False
        turn = line.newest(who)
        self._tidy(client)
        if not turn.done():
            turn.set_exception(Unserved("busy"))
        return True

    def _tidy(self, client: str) -> None:
        if not self.lines[client].length:
            del self.lines[client]


@dataclass(slots=True)
class Turns:
    """`most` places, at most `each` of them for a lane."""

    most: int
    each: int = EACH
    running: int = 0
    streams: int = 0
    lanes: OrderedDict[str, Lane] = field(default_factory=OrderedDict)
    waiting: dict[str, int] = field(default_factory=dict)  # by client, in all lanes

    async def take(self, asker: Asker) -> None:
        """Returns when there is a place. Unserved when there is none for too long, or too many wait.

        Of a lane that is full, whoever has the most waiting loses its newest.
        """
        lane = self.lanes.setdefault(asker.lane, Lane())
        if not lane.lines and lane.running < self.each and self.running < self.most:
            self._begin(lane)
            return
        self._admit(lane, asker)
        turn: Turn = asyncio.get_running_loop().create_future()
        lane.add(asker, turn)
        self.waiting[asker.client] = self.waiting.get(asker.client, 0) + 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                await turn
        except TimeoutError:
            self._give_up(lane, asker, turn)
            raise Unserved("busy") from None
        except asyncio.CancelledError:
            self._give_up(lane, asker, turn)
            raise
        finally:
            self.waiting[asker.client] -= 1
            if not self.waiting[asker.client]:
                del self.waiting[asker.client]

    def _admit(self, lane: Lane, asker: Asker) -> None:
        if self.waiting.get(asker.client, 0) >= WAITING and lane.has(asker.client) < WAITING:
            self._forget(asker.lane, lane)
            raise Unserved("busy")
        if lane.length >= WAITING and not lane.make_room(asker):
            raise Unserved("busy")

    def _begin(self, lane: Lane) -> None:
        lane.running += 1
        self.running += 1

    def _give_up(self, lane: Lane, asker: Asker, turn: Turn) -> None:
        if turn.done() and not turn.cancelled() and turn.exception() is None:  # it came in the same moment
            self.give_back(asker.lane)
            return
        lane.remove(asker, turn)
        self._forget(asker.lane, lane)

    def give_back(self, name: str) -> None:
        lane = self.lanes[name]
        lane.running -= 1
        self.running -= 1
        self._forget(name, lane)
        self._call_next()

    def to_stream(self, name: str) -> bool:
        """Whether what goes on being sent needs its place no more."""
        lane = self.lanes[name]
        if lane.streams >= STREAMS or self.streams >= MOST_STREAMS:
            return False
        lane.streams += 1
        self.streams += 1
        self.give_back(name)
        return True

    def end_stream(self, name: str) -> None:
        lane = self.lanes[name]
        lane.streams -= 1
        self.streams -= 1
        self._forget(name, lane)

    def _forget(self, name: str, lane: Lane) -> None:
        if lane.is_empty and self.lanes.get(name) is lane:
            del self.lanes[name]

    def _call_next(self) -> None:
        for name in list(self.lanes):
            if self.running >= self.most:
                return
            lane = self.lanes[name]
            while lane.lines and lane.running < self.each and self.running < self.most:
                turn = lane.first()
                if turn.done():  # its client has left
                    continue
                self._begin(lane)
                turn.set_result(None)
                self.lanes.move_to_end(name)
                break


@dataclass(slots=True)
class Gate:
    """What a worker's pages and management API go through. `bytes_held` is theirs alone: anybody may send such a body."""

    application: Application
    bytes_held: Share
    pages: Turns
    operators: Turns = field(default_factory=lambda: Turns(PLACES_OF_OPERATORS))
    accounts: Turns = field(default_factory=lambda: Turns(PLACES_OF_ACCOUNTS, each=1))
    providers: Turns = field(default_factory=lambda: Turns(PLACES_OF_PROVIDERS, each=1))
    steps: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STEPS))

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/" + settings.STATIC_URL.strip("/") + "/"):  # files, without a database
            await self.application(scope, receive, send)
            return
        asker = whose(scope)
        try:
            async with self._read(asker.client, scope, receive) as body:
                if body is not None:
                    await self._in_turn(self._turns(scope["path"]), asker, scope, _again(body, receive), send)
        except Unserved as reason:
            await answer(scope["path"], reason, send)

    def _turns(self, path: str) -> Turns:
        if path.startswith(PROVIDERS):
            return self.providers
        if path.startswith(ACCOUNTS):
            return self.accounts
        return self.operators if path.startswith(OPERATORS) else self.pages

    async def _in_turn(self, turns: Turns, asker: Asker, scope: Scope, receive: Receive, send: Send) -> None:
        await turns.take(asker)
        lane, streams = asker.lane, False

        async def sending(message: Message) -> None:
            nonlocal streams
            if message.get("more_body") and not streams:
                streams = turns.to_stream(lane)
            await send(message)

        try:
            with streaming.together(self.steps):
                await self.application(scope, receive, sending)
        finally:
            if streams:
                turns.end_stream(lane)
            else:
                turns.give_back(lane)

    @asynccontextmanager
    async def _read(self, client: str, scope: Scope, receive: Receive) -> AsyncIterator[bytes | None]:
        """The body, held while it is worked at; None when the client has left. Unserved when it is too large.

        Small ones are not counted, so that nobody's large ones keep others from a form.
        """
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > MOST_BYTES:
            raise Unserved("too_large")
        pieces, size, held, more = list[bytes](), 0, 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    yield None
                    return
                piece, more = message.get("body", b""), message.get("more_body", False)
                size += len(piece)
                if size > MOST_BYTES:
                    raise Unserved("too_large")
                if size > SMALL and size > held:
                    if not self.bytes_held.take(client, size - held):
                        raise Unserved("busy")
                    held = size
                pieces.append(piece)
            yield b"".join(pieces)
        finally:
            if held:
                self.bytes_held.give_back(client, held)


def whose(scope: Scope) -> Asker:
    """The lane of a request, and who in it asks: as the request says, since nobody has looked at its credential yet."""
    headers = dict(scope["headers"])
    client = f"from {_network(scope, headers)}"
    who = _credential(headers) or client
    parts = tuple(scope["path"].split("/")[1:])
    for before in ORGANIZATIONS:
        if parts[: len(before)] == before and len(parts) > len(before) and parts[len(before)]:
            return Asker(f"of {parts[len(before)][:80]}", client, who)
    return Asker(client, client, who)


def _network(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The client's address; of one of version 6 what its provider gave it, since the rest is its own choice."""
    peer = scope.get("client")
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    found = client_address(settings.ORBIT_TRUSTED_PROXIES, forwarded, peer[0] if peer else None) or ""
    try:
        address = ip_address(found)
    except ValueError:
        return found[:80]
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def _credential(headers: dict[bytes, bytes]) -> str | None:
    given = headers.get(b"authorization", b"")
    if not given:
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return None
        session = cookies.get(settings.SESSION_COOKIE_NAME)
        given = session.value.encode() if session is not None else b""
    return f"by {blake2b(given, digest_size=12).hexdigest()}" if given else None


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as one message, and then what comes."""
    left = [body]

    async def received() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return received
