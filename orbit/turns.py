"""Pages and the management API take turns, so that nobody's requests keep others from the threads and the database.

Those of one organization, or of one credential where there is no organization in the address, stand in one lane. Few of a lane
are worked at together; free places go around the lanes, and within a lane around its credentials. Operators and signing in
have places of their own. A body is read before its request takes a place, so that a slow one holds nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings

from orbit.lib.peer import client_address
from orbit.unserved import Unserved, answer
from proxy.room import Share

MOST_BYTES = 25_000_000  # of a request: the largest file that a page takes, and its form around it
EACH = 2  # of a lane at once; ORBIT_PAGES is at least twice that
STREAMS = 1  # of a lane, beside those
WAITING = 100  # of a lane
PATIENCE_S = 10.0
PLACES_OF_OPERATORS, PLACES_OF_PROVIDERS = 3, 2
PROVIDERS = "/accounts/sso/"  # where an organization's own sign-in may keep us waiting
OPERATORS = ("/admin/", "/operator/", "/accounts/")
ORGANIZATIONS = (
    ("o",),
    ("api", "v1", "organizations"),
)  # what an organization's short name follows in an address

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(slots=True)
class Lane:
    running: int = 0
    streams: int = 0
    waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)  # by who asks
    length: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.running or self.streams or self.length)

    def first(self) -> asyncio.Future[None]:
        """Whose turn it is; whoever asked it goes to the end."""
        who, asking = next(iter(self.waiting.items()))
        turn = asking.popleft()
        self.waiting.move_to_end(who)
        if not asking:
            del self.waiting[who]
        self.length -= 1
        return turn


@dataclass(slots=True)
class Turns:
    """`most` places, at most `each` of them for a lane."""

    most: int
    each: int = EACH
    running: int = 0
    lanes: OrderedDict[str, Lane] = field(default_factory=OrderedDict)

    async def take(self, name: str, who: str) -> None:
        """Returns when there is a place. Unserved when there is none for too long, or the lane is too long."""
        lane = self.lanes.setdefault(name, Lane())
        if not lane.length and lane.running < self.each and self.running < self.most:
            self._begin(lane)
            return
        if lane.length >= WAITING:
            raise Unserved("busy")
        turn = asyncio.get_running_loop().create_future()
        lane.waiting.setdefault(who, deque()).append(turn)
        lane.length += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                await turn
        except TimeoutError:
            self._give_up(name, lane, who, turn)
            raise Unserved("busy") from None
        except asyncio.CancelledError:
            self._give_up(name, lane, who, turn)
            raise

    def _begin(self, lane: Lane) -> None:
        lane.running += 1
        self.running += 1

    def _give_up(self, name: str, lane: Lane, who: str, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # it came in the same moment
            self.give_back(name)
            return
        asking = lane.waiting.get(who)
        if asking is not None and turn in asking:
            asking.remove(turn)
            lane.length -= 1
            if not asking:
                del lane.waiting[who]
        self._forget(name, lane)

    def give_back(self, name: str) -> None:
        lane = self.lanes[name]
        lane.running -= 1
        self.running -= 1
        self._forget(name, lane)
        self._call_next()

    def to_stream(self, name: str) -> bool:
        """Whether what goes on being sent needs its place no more."""
        lane = self.lanes[name]
        if lane.streams >= STREAMS:
            return False
        lane.streams += 1
        self.give_back(name)
        return True

    def end_stream(self, name: str) -> None:
        lane = self.lanes[name]
        lane.streams -= 1
        self._forget(name, lane)

    def _forget(self, name: str, lane: Lane) -> None:
        if lane.is_empty:
            self.lanes.pop(name, None)

    def _call_next(self) -> None:
        for name in list(self.lanes):
            if self.running >= self.most:
                return
            lane = self.lanes[name]
            while lane.length and lane.running < self.each and self.running < self.most:
                turn = lane.first()
                if turn.done():  # its client has left
                    continue
                self._begin(lane)
                turn.set_result(None)
                self.lanes.move_to_end(name)
                break


@dataclass(slots=True)
class Gate:
    """What a worker's pages and management API go through. `bytes_held` is shared with the proxy's bodies."""

    application: Application
    bytes_held: Share
    pages: Turns
    operators: Turns = field(default_factory=lambda: Turns(PLACES_OF_OPERATORS))
    providers: Turns = field(default_factory=lambda: Turns(PLACES_OF_PROVIDERS, each=1))

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/" + settings.STATIC_URL.strip("/") + "/"):  # files, without a database
            await self.application(scope, receive, send)
            return
        lane, who = whose(scope)
        try:
            async with self._read(lane, scope, receive) as body:
                if body is not None:
                    turns = self._turns(scope["path"])
                    await self._in_turn(turns, lane, who, scope, _again(body, receive), send)
        except Unserved as reason:
            await answer(scope["path"], reason, send)

    def _turns(self, path: str) -> Turns:
        if path.startswith(PROVIDERS):
            return self.providers
        return self.operators if path.startswith(OPERATORS) else self.pages

    async def _in_turn(
        self, turns: Turns, lane: str, who: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await turns.take(lane, who)
        streams = False

        async def sending(message: Message) -> None:
            nonlocal streams
            if message.get("more_body") and not streams:
                streams = turns.to_stream(lane)
            await send(message)

        try:
            await self.application(scope, receive, sending)
        finally:
            if streams:
                turns.end_stream(lane)
            else:
                turns.give_back(lane)

    @asynccontextmanager
    async def _read(self, lane: str, scope: Scope, receive: Receive) -> AsyncIterator[bytes | None]:
        """The body, held while it is worked at; None when the client has left. Unserved when it is too large."""
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > MOST_BYTES:
            raise Unserved("too_large")
        pieces, held, more = list[bytes](), 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    yield None
                    return
                piece, more = message.get("body", b""), message.get("more_body", False)
                if held + len(piece) > MOST_BYTES:
                    raise Unserved("too_large")
                if piece and not self.bytes_held.take(lane, len(piece)):
                    raise Unserved("busy")
                held += len(piece)
                pieces.append(piece)
            yield b"".join(pieces)
        finally:
            if held:
                self.bytes_held.give_back(lane, held)


def whose(scope: Scope) -> tuple[str, str]:
    """The lane of a request, and who in it asks: as the request says, since nobody has looked at its credential yet."""
    headers = dict(scope["headers"])
    who = _credential(headers)
    if who is None:
        client = scope.get("client")
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        address = client_address(settings.ORBIT_TRUSTED_PROXIES, forwarded, client[0] if client else None)
        who = f"from {address}"
    parts = tuple(scope["path"].split("/")[1:])
    for before in ORGANIZATIONS:
        if parts[: len(before)] == before and len(parts) > len(before) and parts[len(before)]:
            return f"of {parts[len(before)][:80]}", who
    return who, who


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
