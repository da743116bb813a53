"""What callers of a store see of it, whatever serves them: shards, scripts, two kinds of failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, Protocol, TypeVar

logger = logging.getLogger(__name__)

Argument = str | bytes | int
T = TypeVar("T")

RECOVERY_S = 10.0


class StoreUnavailable(Exception):
    """Redis could not be reached, or did not answer in time."""


class NotSent(StoreUnavailable):
    """It could not be reached: nothing of the command was done, nor will be."""


class StoreError(Exception):
    """Redis answered with an error."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, known to the server by its digest."""

    source: str
    digest: str

    @classmethod
    def load(cls, path: Path) -> Script:
        source = path.read_text()
        return cls(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


class Shard(Protocol):
    """The connection that serves a shard's keys."""

    async def call(self, *arguments: Argument) -> Any:
        """One command. StoreUnavailable when it got no answer, StoreError when the answer is an error."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """A script by its digest; sent in full when the server does not know it yet."""

    async def call_packed(self, command: bytes) -> Any:
        """One command that the caller has put into the wire format."""

    def post_packed(self, command: bytes) -> asyncio.Future[Any]:
        """The same, with its bytes on their way when this returns; the caller looks at the answer when it likes.

        Fails at once, in the future, when there is no connection.
        """


Serves = Callable[[int], bool]
Recover = Callable[[Serves], Awaitable[None]]


class Link(Protocol):
    """A worker's store. It comes back by itself; a call while it is away fails within its time-out.

    `recover`, when set, is awaited before others' commands pass again: by one server over each new connection, by
    a cluster for each shard of which a call got no answer. It is given a test of which shards it is about; its
    own commands pass. As long as it raises, the store stays away.
    """

    recover: Recover | None

    def at(self, shard: int) -> Shard: ...

    async def ping(self) -> None:
        """StoreUnavailable or StoreError unless all of it answers."""

    def close(self) -> None: ...


async def run(shard: Shard, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
    """`Shard.run` for whoever can `call`."""
    try:
        return await shard.call("EVALSHA", script.digest, len(keys), *keys, *arguments)
    except StoreError as error:
        if not str(error).startswith("NOSCRIPT"):
            raise
    return await shard.call("EVAL", script.source, len(keys), *keys, *arguments)


async def shared(task: asyncio.Task[T]) -> T:
    """Waits for a task that others wait for, too. StoreUnavailable when it was given up, not the caller."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise StoreUnavailable("closed") from None
        raise


async def recover(work: Recover, serves: Serves) -> None:
    """StoreUnavailable, whatever went wrong."""
    try:
        async with asyncio.timeout(RECOVERY_S):
            await work(serves)
    except StoreUnavailable:
        raise
    except (StoreError, TimeoutError) as error:
        raise StoreUnavailable("not recovered") from error
    except Exception as error:
        logger.exception("what was left to do after an outage failed")
        raise StoreUnavailable("not recovered") from error
