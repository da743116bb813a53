"""One stream of a provider, read to its end: passed on as it comes, metered, and read on when the client has left."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from orbit.lib import money
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import Answer, EgressError, TimedOut, TooLarge
from proxy.attempts import Attempt
from proxy.call import Call
from proxy.channel import Channel, ClientGone
from proxy.context import Drain, Usage
from proxy.formats.base import Listener, Progress, Unreadable
from proxy.metering import LimitReached, Meter
from proxy.objects import Withheld
from proxy.providers import PROVIDERS
from proxy.sse import Decoder, Event, TooLong
from quotas import estimate

logger = logging.getLogger(__name__)

ENDS_HERE = "The answer ends here; what came so far was charged."
UNSEEN = Drain(max_s=600.0, max_cost_nano=money.LIMIT)  # as long as a plain call may take, at what it holds


@dataclass(frozen=True, slots=True)
class End:
    """How a stream ended, and what of it the client has not had yet."""

    progress: Progress
    status: str
    error: OrbitError | None
    first_ms: int | None
    last: bytes

    @property
    def cut(self) -> bool:
        """Whether a limit ended it."""
        return self.error is not None and self.error.code in (Code.LIMIT_REACHED, Code.LIMITER_UNAVAILABLE)

    @property
    def whole(self) -> bool:
        """Whether the provider said all that it had to say."""
        return self.status == "settled" and self.error is None


@dataclass
class Relay:
    """`channel` is None for a client that waits for a plain answer, of at most `most_bytes` as they come.

    `keep` is awaited before anything leaves: Withheld ends the stream there. The provider of a call that `outlives`
    its client goes on without it.
    """

    call: Call
    heard: Listener
    attempt: Attempt
    answer: Answer
    progress: Progress
    cost: Callable[[Usage], int | None]
    channel: Channel | None = None
    meter: Meter | None = None
    most_bytes: float = inf
    keep: Callable[[], Awaitable[None]] | None = None
    task: asyncio.Task[Any] | None = None  # that a withdrawal may cancel
    withdrawn: OrbitError | None = None
    outlives: bool = False
    decoder: Decoder = field(default_factory=Decoder)
    events: Iterator[Event] = field(default_factory=lambda: iter(()))  # received, and not yet looked at
    received: int = 0
    first_ms: int | None = None
    last: bytes = b""
    status: str = "settled"
    error: OrbitError | None = None

    def __post_init__(self) -> None:
        self.wants_usage = self.call.terms.wants_usage

    async def run(self) -> End:
        """Whatever happens on the way is part of how the stream ended."""
        try:
            try:
                if self.withdrawn is not None:
                    raise ClientGone
                await self._read()
            except (ClientGone, asyncio.CancelledError):
                if not self._left():
                    raise  # this worker is stopping
                _uncancel()
                await self._alone()
        except (LimitReached, Withheld) as reached:
            self.error = reached.error
        except (EgressError, TooLong, Unreadable) as error:
            self.attempt.error = type(error).__name__
            self._failed(Code.UPSTREAM_TIMEOUT if isinstance(error, TimedOut) else Code.UPSTREAM_ERROR)
        except asyncio.CancelledError:
            _uncancel()
            self._failed(Code.SHUTTING_DOWN)
        except Exception:
            # a fault of ours: what was seen is charged, and the client is told
            logger.exception("request %s: the stream of its provider", self.call.request_id)
            self._failed(Code.INTERNAL_ERROR)
        finally:
            self.task = None
        if self.progress.failed and self.error is None:
            self._failed(Code.UPSTREAM_ERROR)
        return End(self.progress, self.status, self.error, self.first_ms, self.last)

    def waits(self, came: str, freed: int) -> None:
        """Of a stream that is inspected on its way here."""
        self.progress.output.waits(came, freed)

    def withdraw(self, error: OrbitError) -> None:
        """The client's key was taken away: it gets no more, and is told so; the provider is stopped."""
        self.withdrawn = OrbitError(error.code, f"{error.message} {ENDS_HERE}")
        if self.task is not None:
            self.task.cancel()

    def _left(self) -> bool:
        """Whether nobody reads any more, and takes note of why."""
        if self.withdrawn is not None:
            self.error = self.withdrawn
            self._tell(self.withdrawn)
            return True
        if self.channel is None or not self.channel.abandoned:
            return False
        self.status = "client_gone"
        return True

    def _tell(self, error: OrbitError) -> None:
        """At once: what is charged is found out when the client knows already."""
        if self.channel is not None:
            call = self.call
            surface, passed = call.request.surface, self.progress.passed
            self.channel.give(surface.error_event(error, call.request.name, call.endpoint, passed))
            self.channel.end()

    async def _alone(self) -> None:
        """Without the client. A key that is taken away while we read on ends that, too."""
        try:
            await self._go_on_alone()
        except asyncio.CancelledError:
            if self.withdrawn is None:
                raise
            _uncancel()
            self.error = self.withdrawn
            if not self.outlives:
                await self._catch_up()

    def _failed(self, code: Code) -> None:
        if self.status == "settled" and self.withdrawn is None:
            self.status, self.error = "provider_failed", ended_early(code)

    async def _read(self) -> None:
        """Passes events on until the provider has ended."""
        progress, channel = self.progress, self.channel
        while not (progress.done or progress.failed):
            piece = await self._piece()
            events = self.decoder.feed(piece) if piece else self.decoder.finish()
            out = self._seen(events) if self.meter is None else await self._metered(events, self.meter)
            if not piece:
                end = self.heard.on_end(progress)
                out = b"" if progress.failed else out + end  # an error cannot follow half an event
            if self.keep is not None:
                await self.keep()
            if progress.done or progress.failed or not piece:
                self.last = out
                return
            del piece, events  # a slow reader may keep us here for long
            if out and channel is not None:
                await channel.put(out)

    async def _piece(self) -> bytes:
        piece = await self.answer.read()
        if self.first_ms is None and piece:
            self.first_ms = round((time.monotonic() - self.call.request.started) * 1000)
        self.received += len(piece)
        if self.received > self.most_bytes:
            raise TooLarge(f"over {self.most_bytes} bytes")
        return piece

    def _seen(self, events: Iterable[Event]) -> bytes:
        """What the client gets of some events."""
        on_event, progress, wants_usage = self.heard.on_event, self.progress, self.wants_usage
        out: list[bytes] = []
        try:
            for raw, data in events:
                out.append(on_event(raw, data, progress, wants_usage))
                if progress.done or progress.failed:
                    break  # what follows an end counts for nothing, wherever the bytes are cut
        except Unreadable:
            self.last = b"".join(out)
            raise
        return b"".join(out)

    async def _metered(self, events: Iterable[Event], meter: Meter) -> bytes:
        """The same, as far as what they hold has room in the reservation."""
        heard, progress, wants_usage = self.heard, self.progress, self.wants_usage
        out: list[bytes] = []
        self.events = iter(events)
        assembly = progress.assembly
        for raw, data in self.events:
            seen = heard.on_event(raw, data, progress, wants_usage)
            if progress.output.size > meter.until:
                if self.channel is not None:  # what has room is not held up by what has none yet
                    self.channel.give(b"".join(out))
                    out.clear()
                await meter.allow()
            if assembly is None:
                out.append(seen)
            elif progress.chunk is not None:
                assembly.add(progress.chunk)
            if progress.done or progress.failed:
                break
        return b"".join(out)

    async def _go_on_alone(self) -> None:
        """What is done for a client who left: counts what has come already, or reads on as the policy allows."""
        if self.outlives:
            if self.withdrawn is None:
                await self._read_out()
            return
        policy = self.call.principal.policy
        drain = policy.drain if policy is not None and self.withdrawn is None else None
        if drain is None:
            self.task = None  # what is done now cannot be cut short
        if drain is None and not self._shows():
            drain = UNSEEN
        if drain is None:
            await self._catch_up()
            return
        try:
            async with asyncio.timeout(drain.max_s):
                given = await self._input_tokens()
                await self._unrelayed(self.events)
                while not self.progress.over and not await self._too_dear(given, drain.max_cost_nano):
                    piece = await self._piece()
                    await self._unrelayed(self.decoder.feed(piece) if piece else self.decoder.finish())
                    if not piece:
                        return
        except TimeoutError:
            await self._catch_up()

    async def _read_out(self) -> None:
        """Reads all that the provider says, for its figures."""
        await self._unrelayed(self.events)
        while not self.progress.done:
            piece = await self._piece()
            await self._unrelayed(self.decoder.feed(piece) if piece else self.decoder.finish())
            if not piece:
                return

    def _shows(self) -> bool:
        """Whether what comes tells what the provider will charge. A model that thinks out of sight tells at its end."""
        target = self.call.target
        return PROVIDERS[target.account.kind].shows_output(target.model, self.call.body)

    async def _catch_up(self) -> None:
        """Stops the provider, and takes note of what it wrote and nobody has looked at."""
        self.task = None
        self._seen(self.events)
        async for piece in self.answer.hang_up():
            self._seen(self.decoder.feed(piece))

    async def _unrelayed(self, events: Iterable[Event]) -> None:
        if self.meter is None:
            self._seen(events)
        else:
            await self._metered(events, self.meter)

    async def _input_tokens(self) -> int:
        if self.progress.usage is not None:
            return self.progress.usage.input_tokens
        call = self.call
        target = call.target
        return min(await estimate.exact(call.body, target.model, target.padding), call.input_bound)

    async def _too_dear(self, given: int, most_nano: int) -> bool:
        """Whether the call so far costs more than its policy gives for a client who left."""
        output = self.progress.output
        if (self.cost(Usage(given, output.bound)) or 0) <= most_nano:
            return False
        if self.meter is None or self.meter.task is None:
            await output.count()
        return (self.cost(Usage(given, output.bound)) or 0) > most_nano


def ended_early(code: Code) -> OrbitError:
    why = {
        Code.UPSTREAM_TIMEOUT: "The provider fell silent",
        Code.SHUTTING_DOWN: "The gateway is restarting",
        Code.INTERNAL_ERROR: "Something went wrong on our side",
    }.get(code, "The provider broke off")
    return OrbitError(code, f"{why}; the answer ended early. What came so far was charged.")


def _uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
