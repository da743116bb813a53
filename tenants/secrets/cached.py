"""Credentials as the data plane holds them: read ahead of need, read again in time, served on while a store is down.

Of a call, only the first of an account waits for its store. A value is read again after `refresh_s`, beside the
calls that still use it. A store that does not answer leaves it in use until it is `keep_s` old; then the account
has no credential. One that answers that the secret is gone takes it away at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from django.conf import settings

from tenants.secrets.secret import CannotRead, CredentialUnavailable, Down, Gone, Secret
from tenants.secrets.stores import Holder, Stores, resolve

logger = logging.getLogger(__name__)

THREADS = 4  # that may wait for one store
RETRY_S = 5.0  # after a failure
REST_S = 1.0  # in which a store that did not answer is not asked by anybody
DOUBT_S = 5.0  # a value that young is not read again because a provider refused it


class Credential(Protocol):
    """An account's, at this moment."""

    @property
    def secret(self) -> Secret | None: ...
    @property
    def ready(self) -> bool:
        """Whether calls may go out: with the secret, or without one where none is needed."""

    def begin(self) -> asyncio.Task[None] | None:
        """Begins to read again what is due. The task to wait for where there is nothing good to use meanwhile."""

    def doubt(self) -> None:
        """A provider refused it."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """One that stays as it is for as long as its row does."""

    secret: Secret | None
    ready: bool = True

    def begin(self) -> None:
        return None

    def doubt(self) -> None:
        pass


NONE = Fixed(None)


@dataclass(frozen=True, slots=True)
class Times:
    refresh_s: float
    keep_s: float


class Line:
    """The way to one store, with threads of its own: a store that hangs holds up no other."""

    def __init__(self, scheme: str, stores: Stores) -> None:
        self._stores = stores
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=scheme)
        self._rests_until = 0.0

    async def read(self, ref: str) -> Secret:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, ref)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self, ref: str) -> Secret:
        if time.monotonic() < self._rests_until:
            raise Down("its store did not answer a moment ago")
        try:
            return self._stores.read(ref)
        except Down:
            self._rests_until = time.monotonic() + REST_S
            raise


class Cached:
    """What a reference of one organization names, as one worker knows it. Only its event loop touches it."""

    def __init__(self, ref: str, line: Line, times: Times) -> None:
        self.secret: Secret | None = None
        self._ref = ref
        self._line = line
        self._times = times
        self._read_at = 0.0
        self._due_at = 0.0
        self._failing = False
        self._old = False
        self._task: asyncio.Task[None] | None = None
        self._end: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        return self.secret is not None

    def begin(self) -> asyncio.Task[None] | None:
        now = time.monotonic()
        if now < self._due_at:
            return None
        if self._task is None:
            # after a pause in the traffic the value may have been replaced long ago
            self._old = now >= self._due_at + self._times.refresh_s and not self._failing
            self._task = asyncio.create_task(self._renew(), name="credential")
        return self._task if self.secret is None or self._old else None

    def doubt(self) -> None:
        if time.monotonic() >= self._read_at + DOUBT_S and not self._failing:
            self._due_at = 0.0

    async def _renew(self) -> None:
        began = time.monotonic()
        try:
            secret = await self._line.read(self._ref)
        except CannotRead as error:
            self._not_read(str(error), gone=isinstance(error, Gone))
        except Exception as error:
            # a client library's own; its words may hold anything
            self._not_read(f"its store failed ({type(error).__name__})", gone=False)
        else:
            self._took(secret, began)
        finally:
            self._task = None

    def _took(self, secret: Secret, at: float) -> None:
        if self._failing:
            logger.info("%s can be read again", self._ref)
        self.secret, self._failing, self._read_at = secret, False, at
        self._due_at = at + self._times.refresh_s * random.uniform(0.9, 1.0)  # noqa: S311 - workers take turns
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(self._times.keep_s, self._forget)

    def _not_read(self, reason: str, *, gone: bool) -> None:
        if not self._failing:
            logger.warning("%s cannot be read: %s", self._ref, reason)
        self._failing = True
        self._due_at = time.monotonic() + min(RETRY_S, self._times.refresh_s)
        if gone:
            self._forget()

    def _forget(self) -> None:
        self.secret = None


class Cache:
    """The credentials of one worker. What no snapshot refers to any more is forgotten."""

    def __init__(self) -> None:
        self._stores = Stores()
        self._times = Times(settings.ORBIT_SECRET_REFRESH_S, settings.ORBIT_SECRET_KEEP_S)
        self._lines: dict[str, Line] = {}
        self._known: WeakValueDictionary[tuple[UUID, str], Cached] = WeakValueDictionary()
        self._lock = threading.Lock()  # snapshots are loaded by several threads

    def of(self, account: Holder) -> Credential:
        """The account's credential. Where another store has it, nothing is read yet."""
        ref = account.credential_ref
        scheme = ref.partition("://")[0]
        if not ref or scheme == "env":
            return fixed(account)
        with self._lock:
            known = self._known.get((account.organization_id, ref))
            if known is None:
                line = self._lines.get(scheme)
                if line is None:
                    line = self._lines[scheme] = Line(scheme, self._stores)
                known = self._known[account.organization_id, ref] = Cached(ref, line, self._times)
            return known

    def keep(self) -> None:
        """Renews our own way into the stores; it may wait for them."""
        self._stores.keep()

    def close(self) -> None:
        """It may wait for the stores."""
        for line in self._lines.values():
            line.close()
        self._stores.close()


def presumed(account: Holder) -> Fixed:
    """The credential as far as it is known without asking another store, which is then taken to have it."""
    return Fixed(None) if account.credential_ref else fixed(account)


def fixed(account: Holder) -> Fixed:
    """The credential as it is now. Calls of an account whose credential cannot be had are refused."""
    if not account.credential_ref and account.credential_sealed is None:
        return Fixed(None, not account.needs_credential)
    try:
        return Fixed(resolve(account))
    except CredentialUnavailable as error:
        logger.warning("account %s has no credential: %s", account.name, error.reason)
        return Fixed(None, ready=False)
