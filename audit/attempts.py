"""What a writer notes in the store before it tries a batch, so that one that kills its process is known by the next.

The note outlives the transaction, which a dead writer takes with it. It is only looked at by who holds the
shard's lock: there is one only when somebody died over what it names.

Of what somebody died over the first half is tried, then half of what is left, and so on; who dies over a half leaves that
to be halved. So one kill at a bad moment costs a dozen batches, whatever waits, and what really kills is alone after a
dozen deaths. Smaller parts would find it sooner, and make every other kill dearer: writers that are killed for reasons of
their own every few seconds would move a shard entry by entry, and never catch up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

MOST = 5  # deaths over one entry alone, after which it is a dead letter


def key(shard: int) -> str:
    """The same key as `quotas.keys.writing`; a test holds them equal, since imports do not point that way."""
    return f"orbit:{{{shard}}}:writing"


def id_of(stream_id: str) -> tuple[int, int]:
    """A stream's id as what it is compared by."""
    ms, _, number = stream_id.partition("-")
    return int(ms), int(number or 0)


@dataclass(frozen=True, slots=True)
class Note:
    """A batch from behind `at` up to `upto` ended with its writer, or is what is left of one. Where it is one entry alone,
    `tries` writers died over it."""

    at: str
    upto: str
    tries: int

    @classmethod
    def read(cls, answer: Any) -> Note | None:
        """Of an HGETALL."""
        pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
        if not pairs:
            return None
        return cls(pairs[b"at"].decode(), pairs[b"upto"].decode(), int(pairs[b"tries"]))

    def covers(self, position: str) -> bool:
        """Whether what follows the position is among what somebody died over."""
        return id_of(position) < id_of(self.upto)

    def deaths(self, position: str) -> int:
        return self.tries if self.at == position else 0

    def step(self, ids: Sequence[str]) -> int:
        """How many of the entries that come next are tried at once."""
        suspected = sum(id_of(one) <= id_of(self.upto) for one in ids)
        return max(1, -(-suspected // 2))


def begin(store: Redis, shard: int, at: str, ids: Sequence[str], before: Note | None) -> None:
    """A store that is full takes no notes; the batch is tried without."""
    suspected = before is not None and before.covers(at)
    tries = (before.deaths(at) if before is not None and suspected else 0) + 1
    try:
        mapping = {"at": at, "upto": ids[-1], "tries": tries if len(ids) == 1 else 0}
        store.hset(key(shard), mapping=mapping)  # type: ignore[arg-type]
    except RedisError as error:
        logger.warning("shard %s is written without a note: %s", shard, type(error).__name__)


def end(store: Redis, shard: int, position: str, before: Note | None) -> None:
    """The batch is over, well or with an error. What is left of a suspected one stays suspected."""
    try:
        if before is not None and before.covers(position):
            tries = before.deaths(position)
            store.hset(key(shard), mapping={"at": position, "upto": before.upto, "tries": tries})
        else:
            store.delete(key(shard))
    except RedisError as error:
        logger.warning("the note of shard %s stays: %s", shard, type(error).__name__)
