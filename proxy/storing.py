"""Contents of calls on their way to the database: a bounded queue in this worker, written in batches beside the event loop.

Nothing of a call waits for it. What finds no room, or no database for ORBIT_CONTENT_PATIENCE_S, is not kept: the event
keeps the digest. Where the policy demands the record (`audit.required`), calls are refused before they are sent instead,
and what they leave is held until it is written.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from orbit.lib.clock import from_us, rfc3339
from orbit.lib.errors import Code, OrbitError
from proxy.admission import Admission
from proxy.content_rows import Stored, written
from proxy.context import OrganizationSnapshot, Principal
from proxy.copies import Copy
from tenants.secrets.data_keys import OpenedKey
from tenants.secrets.local import CannotOpen
from tenants.services import newest_data_key

T = TypeVar("T")

logger = logging.getLogger(__name__)

BATCH = 100  # calls of one write
BATCH_BYTES = 8_000_000
GATHER_S = 0.05  # so that calls that end together are written together
LONGEST_WAIT_S = 5.0
KEY_S = 2.0  # that a call waits for its organization's data key
KEYLESS_S = 5.0  # for which calls do without, when there was none
TOLD_EVERY_S = 10.0


@dataclass
class Contents:
    """`threads` are one for what is written and one for keys."""

    waiting: deque[Stored] = field(default_factory=deque)
    size: int = 0  # bytes that wait
    away: bool = False  # whether the last write failed
    lost: int = 0  # calls whose contents were given up, since the start
    keys: dict[str, tuple[int, OpenedKey]] = field(default_factory=dict)
    loading: dict[tuple[str, int], asyncio.Task[OpenedKey]] = field(default_factory=dict)
    keyless: dict[str, float] = field(default_factory=dict)  # organizations, and until when nobody asks again
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="contents")
    )
    news: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    told_at: float = 0.0

    def __post_init__(self) -> None:
        self.idle.set()

    # before a call

    async def begin(self, principal: Principal) -> Copy | None:
        """What the call is copied into; None when it cannot be. OrbitError when it must be, and cannot."""
        policy = principal.policy
        assert policy is not None
        assert policy.storing is not None
        required = policy.audit_required
        if required and (self.away or self.size >= settings.ORBIT_CONTENT_QUEUE_BYTES):
            raise unavailable()
        key = await self._key(principal.organization)
        if key is None and required:
            raise unavailable()
        most = settings.ORBIT_CONTENT_MAX_BYTES
        return None if key is None else Copy(key, policy.storing, most, required)

    async def _key(self, organization: OrganizationSnapshot) -> OpenedKey | None:
        """Read again with each version of the organization: a key that was destroyed raises it."""
        known = self.keys.get(organization.id)
        if known is not None and known[0] == organization.version:
            return known[1]
        if time.monotonic() < self.keyless.get(organization.id, 0.0):
            return None
        try:
            async with asyncio.timeout(KEY_S):
                return await asyncio.shield(self._loading(organization))
        except (DatabaseError, TimeoutError, CannotOpen) as error:
            self.keyless[organization.id] = time.monotonic() + KEYLESS_S
            self._tell(f"no data key for organization {organization.slug}: {type(error).__name__}")
            return None

    def _loading(self, organization: OrganizationSnapshot) -> asyncio.Task[OpenedKey]:
        """One read for all calls that ask meanwhile."""
        name = (organization.id, organization.version)
        task = self.loading.get(name)
        if task is None:
            task = self.loading[name] = asyncio.create_task(self._load(organization), name="data key")
            task.add_done_callback(lambda done: self._loaded(name, done))
        return task

    async def _load(self, organization: OrganizationSnapshot) -> OpenedKey:
        self.keys.pop(organization.id, None)
        key = await self._in_thread(partial(newest_data_key, organization_id=UUID(organization.id)))
        self.keys[organization.id] = (organization.version, key)
        return key

    def _loaded(self, name: tuple[str, int], done: asyncio.Task[OpenedKey]) -> None:
        self.loading.pop(name, None)
        if not done.cancelled():
            done.exception()  # whoever waits for it has it too

    # at its end

    def ended(self, admission: Admission, copy: Copy) -> dict[str, Any]:
        """Takes what the call left, and returns what its event says of it. Once; again it only says it."""
        admitted_at = from_us(admission.lease.admitted_us)
        expires_at = admitted_at + timedelta(days=copy.storing.days)
        told = {"mode": copy.storing.mode, "key": copy.key.generation, "until": rfc3339(expires_at)}
        if not copy.taken:
            copy.taken = True
            if admission.attempts:
                copy.hide(admission.attempt.secret)
            if copy.told() and not self._take(admission, copy, admitted_at, expires_at):
                told["missing"] = True
        return told | copy.told()

    def _take(self, admission: Admission, copy: Copy, admitted_at: datetime, expires_at: datetime) -> bool:
        principal = admission.call.principal
        stored = Stored(
            organization_id=UUID(principal.organization.id),
            event_id=admission.call.request_id,
            key_id=UUID(principal.key.id),
            end_user=admission.call.end_user,
            copy=copy,
            admitted_at=admitted_at,
            expires_at=expires_at,
            since=time.monotonic(),
        )
        if not copy.required and self.size + stored.size > settings.ORBIT_CONTENT_QUEUE_BYTES:
            self._give_up(1, "the queue is full")
            return False
        self.waiting.append(stored)
        self.size += stored.size
        self.idle.clear()
        self.news.set()
        return True

    # beside the event loop

    async def write_forever(self) -> None:
        wait_s = GATHER_S
        while True:
            await self.news.wait()
            await asyncio.sleep(wait_s)
            try:
                done = await self._write_some()
            except Exception:  # a fault of ours must not end what writes
                logger.exception("contents of %s calls wait", len(self.waiting))
                self.away, done = True, False
            wait_s = GATHER_S if done else min(max(wait_s * 2, 0.2), LONGEST_WAIT_S)

    async def _write_some(self) -> bool:
        """The oldest that wait. False while the database is away."""
        batch = self._batch()
        if batch:
            try:
                self.lost += await self._in_thread(partial(written, batch))
            except (OperationalError, InterfaceError) as error:
                self.away = True
                self._tell(f"contents of {len(self.waiting)} calls wait: {type(error).__name__}")
                self._forget_old()
                return False
            self.away = False
            for _ in batch:
                self.size -= self.waiting.popleft().size
        if not self.waiting:
            self.news.clear()
            self.idle.set()
        return True

    def _batch(self) -> list[Stored]:
        batch: list[Stored] = []
        size = 0
        for stored in self.waiting:
            if batch and (len(batch) >= BATCH or size + stored.size > BATCH_BYTES):
                break
            batch.append(stored)
            size += stored.size
        return batch

    def _forget_old(self) -> None:
        """What waited for too long; a content that is demanded waits on."""
        before = time.monotonic() - settings.ORBIT_CONTENT_PATIENCE_S
        kept = deque(one for one in self.waiting if one.copy.required or one.since > before)
        given_up = len(self.waiting) - len(kept)
        if given_up:
            self.waiting, self.size = kept, sum(one.size for one in kept)
            self._give_up(given_up, "the database is away")

    def _give_up(self, count: int, why: str) -> None:
        self.lost += count
        self._tell(f"contents of {self.lost} calls were not kept so far: {why}")

    def _tell(self, words: str) -> None:
        """Not once for each call."""
        now = time.monotonic()
        if now - self.told_at > TOLD_EVERY_S or not self.told_at:
            self.told_at = now
            logger.warning("%s", words)

    async def drained(self, seconds: float) -> None:
        """Waits until all is written, or for so long. Call it when nothing new comes."""
        try:
            async with asyncio.timeout(seconds):
                await self.idle.wait()
        except TimeoutError:
            self.lost += len(self.waiting)
            logger.error("contents of %s calls were not written before the end", len(self.waiting))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def run() -> T:
            try:
                return work()
            finally:
                for connection in connections.all(initialized_only=True):
                    connection.close()  # back to the pool

        return await asyncio.get_running_loop().run_in_executor(self.threads, run)

    def close(self) -> None:
        self.threads.shutdown(wait=False)


def unavailable() -> OrbitError:
    return OrbitError(
        Code.AUDIT_UNAVAILABLE,
        "What this call says must be recorded, and cannot be right now, so nothing was sent. Try again.",
        retry_after_s=1,
    )
