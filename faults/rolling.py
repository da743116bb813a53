"""A rolling restart: every worker is told to stop and followed by a new one, under load, while the schema grows."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from faults import checker
from faults.clients import Seen, chat
from faults.kills import LEAKED, leaked, tenant_of
from faults.scenario import Figure, Found, Measure, Scenario
from faults.servers import Servers
from faults.stage import WORKERS, Stage, asks, stage
from faults.tenants import Tenant

AT_ONCE = 24
STEADY = 4  # clients that keep their connection
DRAIN_S = 4
LEFT_S = 30.0  # for a worker that was told to stop
LOCK_S = 2
TRIES = 20
COLUMN = "rolled"
GROWN = ("audit_event", "tenants_organization", "tenants_apikey")


@contextmanager
def patient(servers: Servers | None) -> Iterator[Stage]:
    with stage(servers, environment={"ORBIT_DRAIN_S": str(DRAIN_S)}) as made:
        yield made


class Steady(threading.Thread):
    """A client with one connection for all its calls, as pools have them. It makes a new one when it is told that the old ends."""

    def __init__(self, port: int, tenant: Tenant, number: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._tenant, self._number, self._over = port, tenant, number, over
        self.seen: list[Seen] = []
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._over.is_set():
            seen = Seen(f"{self._tenant.tag}-steady{self._number}-{len(self.seen)}", time.monotonic())
            self.seen.append(seen)
            try:
                self._call(connection, seen)
            except (OSError, http.client.HTTPException) as error:
                seen.code = type(error).__name__
                connection.close()
        connection.close()

    def _call(self, connection: http.client.HTTPConnection, seen: Seen) -> None:
        body = json.dumps({**chat("tokens=5 pace_ms=5", max_tokens=20), "user": seen.user})
        headers = {"authorization": f"Bearer {self._tenant.key}", "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        seen.status, seen.request_id = answer.status, answer.headers["x-orbit-request-id"]
        seen.body, seen.finished = answer.read(), True
        if answer.status >= 400:
            seen.code = json.loads(seen.body)["error"].get("code")


class Load(threading.Thread):
    """Plain calls and streams on connections of their own, until it is told to stop."""

    def __init__(self, stage: Stage, tenant: Tenant, chance: random.Random, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._stage, self._tenant, self._chance, self._over = stage, tenant, chance, over
        self.seen: list[Seen] = []
        self.streams: set[str] = set()
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            some = asks(self._tenant, 2 * AT_ONCE, self._body)
            self.streams.update(one.user for one in some if one.body.get("stream"))
            self.seen += self._stage.crowd(some, at_once=AT_ONCE).run()

    def _body(self, index: int) -> dict[str, Any]:
        stream = index % 3 == 0
        tokens = self._chance.randint(20, 60) if stream else self._chance.randint(3, 12)
        return chat(f"tokens={tokens} pace_ms={self._chance.randint(5, 20)}", stream=stream, max_tokens=100)


def rolling(stage: Stage, chance: random.Random) -> Found:
    tenant = tenant_of(stage)
    over = threading.Event()
    load = Load(stage, tenant, chance, over)
    steady = [Steady(stage.gateway.port, tenant, number, over) for number in range(STEADY)]
    try:
        time.sleep(chance.uniform(0.2, 0.6))
        migrate_at = chance.randrange(WORKERS)
        for number, pid in enumerate(list(stage.gateway.web)):
            if number == migrate_at:
                grow(COLUMN)
            _roll(stage, pid)
        for pid in list(stage.gateway.writers):
            _roll(stage, pid)
    finally:
        over.set()
    for thread in (load, *steady):
        thread.join()
    shrink(COLUMN)
    return _judged(stage, tenant, [*load.seen, *(call for one in steady for call in one.seen)], load.streams)


def _judged(stage: Stage, tenant: Tenant, seen: list[Seen], streams: set[str]) -> Found:
    books = stage.read(tenant)
    failed = [one for one in seen if one.user not in streams and (one.status != 200 or not one.finished)]
    cut = [one for one in seen if one.user in streams and (one.status != 200 or not one.finished)]
    wrongs = checker.wrongs(books, tenant, seen)
    wrongs += [f"plain call {one.user} ended with {one.status} {one.code or ''}".strip() for one in failed]
    wrongs += [f"stream {one.user} ended with {one.status} {one.code or ''}".strip() for one in cut]
    lapsed = sum(event.status == "lease_expired" for event in books.calls)
    figures: dict[str, Figure] = {
        **leaked(books),
        "plain": len(seen) - sum(one.user in streams for one in seen),
        "failed": len(failed),
        "streams": sum(one.user in streams for one in seen),
        "cut": len(cut),
        "unsettled": lapsed + books.leases,
    }
    return Found(wrongs, 1, figures)


def _roll(stage: Stage, pid: int) -> None:
    """Tells one to stop and waits until it has gone and all of its kind are there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + LEFT_S
    while pid in (*stage.gateway.web, *stage.gateway.writers):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{pid} did not stop within {LEFT_S:.0f} s")
        time.sleep(0.02)
    stage.gateway.wait_for(web=WORKERS)
    stage.gateway.wait_ready()


def grow(column: str) -> None:
    """What a migration does that adds a column which may be null."""
    _alter("ADD COLUMN {} integer NULL", column)


def shrink(column: str) -> None:
    _alter("DROP COLUMN IF EXISTS {}", column)


def _alter(change: str, column: str) -> None:
    """Waits for no lock longer than others can wait for it, and tries again."""
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
        connection.execute(sql.SQL("SET lock_timeout = {}").format(f"{LOCK_S}s"))
        for table in GROWN:
            statement = sql.SQL("ALTER TABLE {} " + change).format(
                sql.Identifier(table), sql.Identifier(column)
            )
            for attempt in range(TRIES):
                try:
                    connection.execute(statement)
                    break
                except psycopg.errors.LockNotAvailable:
                    if attempt == TRIES - 1:
                        raise


SCENARIOS = [
    Scenario(
        "rolling", 2,
        "SIGTERM to every worker and the writer, one after another, under plain calls and streams on connections of their own, 24 at a "
        "time, and clients that keep theirs; a column is added to the ledger's, the organizations' and the keys' tables in between",
        "no plain call fails, no stream is cut, every call is settled by the worker that has it",
        20, "restarts of all", patient, rolling,
        (
            Measure("failed", "plain calls that failed", "sum", 0),
            Measure("unsettled", "calls that nobody settled", "sum", 0),
            Measure("cut", "streams that did not come to their end", "sum", 0),
            *LEAKED,
            Measure("plain", "plain calls", "sum"), Measure("streams", "streams", "sum"),
        ),
        "trials of version 1 had half as many connections at a time, and one failed: a connection that the worker accepted in the "
        "moment of SIGTERM was not among those that it looked at to see whether anybody might still ask, so it began to drain at once and "
        "refused the call on it. A worker now looks again a moment later, and refuses nothing that comes while it drains",
    ),
]  # fmt: skip
