"""What one worker shares among its requests, made when it starts and closed when it stops."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.ledger import positions
from orbit.lib.egress import CLIENTS, Egress
from orbit.lib.errors import OrbitError
from orbit.lib.exchange import Timeouts
from orbit.lib.redis import Link, StoreError, StoreUnavailable, link
from proxy.admission import Admissions
from proxy.health import Health
from proxy.learning import Outputs
from proxy.personal.requests import Inspector
from proxy.pipeline import Pipeline
from proxy.settlement import Settler
from proxy.snapshot import Snapshots
from proxy.storing import Contents
from proxy.supervisor import Supervisor
from proxy.trail import Marks, Trail
from proxy.upstream import Upstream
from proxy.watch import Watch
from quotas.engine import Engine
from quotas.journal import Journal
from quotas.local import LocalShares
from tenants.secrets import Cache, CannotRead

logger = logging.getLogger(__name__)

SYNC_S = 1.0
TELL_S = 1.0
RENEW_S = 5.0
CONTENTS_S = 5.0  # for contents that wait, when a worker stops
TRIM_EVERY = 15  # of those
RENEWALS = 7.5  # in the life of a lease: with 30 s, a call whose key is taken away ends within 5 s


@dataclass
class Runtime:
    link: Link
    engine: Engine
    snapshots: Snapshots
    admissions: Admissions
    supervisor: Supervisor
    settler: Settler
    egress: Egress
    pipeline: Pipeline
    health: Health
    contents: Contents
    inspector: Inspector
    chores: list[asyncio.Task[None]]
    key_pepper: str
    max_body_bytes: int
    trusted_proxies: int

    @property
    def stopping(self) -> bool:
        return self.supervisor.stopping


def start() -> Runtime:
    """Everything a worker needs; call it inside the event loop that will use it."""
    store = link(settings.REDIS_URL, settings.ORBIT_REDIS_TIMEOUT_MS / 1000)
    engine = Engine(store, settings.ORBIT_LEASE_S * 1_000_000)
    snapshots = Snapshots(engine)
    supervisor = Supervisor()
    outputs = Outputs(snapshots, supervisor)
    shares = LocalShares(settings.ORBIT_SHARES)
    journals = Path(settings.ORBIT_DATA_DIR) / "journals"
    journal = Journal(journals)
    contents = Contents()
    settler = Settler(engine, supervisor, journal, shares, Watch(snapshots, supervisor), contents)
    store.recover = settler.recover
    timeouts = Timeouts(
        settings.ORBIT_CONNECT_TIMEOUT_S, settings.ORBIT_FIRST_BYTE_TIMEOUT_S, settings.ORBIT_IDLE_TIMEOUT_S
    )
    egress = Egress(
        frozenset(settings.ORBIT_PRIVATE_TARGETS), timeouts, CLIENTS[settings.ORBIT_UPSTREAM_CLIENT]
    )
    health = Health()
    marks = Marks(
        settings.ORBIT_LEDGER_MAX_AGE_S, settings.ORBIT_LEDGER_MAX_ENTRIES, settings.ORBIT_LEDGER_MAX_MEMORY
    )
    admissions = Admissions(engine, snapshots, shares, journals, outputs, supervisor, Trail(store, marks))
    upstream = Upstream(egress, admissions, settler, health)
    chores = [
        asyncio.create_task(settler.renew_forever(settings.ORBIT_LEASE_S / RENEWALS), name="renew"),
        asyncio.create_task(_keep(journal, engine, snapshots), name="journal"),
        asyncio.create_task(_tell(health, store), name="health"),
        asyncio.create_task(_stay_logged_in(snapshots.credentials), name="secret stores"),
        asyncio.create_task(contents.write_forever(), name="contents"),
    ]
    return Runtime(
        link=store,
        engine=engine,
        snapshots=snapshots,
        admissions=admissions,
        supervisor=supervisor,
        settler=settler,
        egress=egress,
        pipeline=Pipeline(upstream, settler, outputs, settings.ORBIT_MAX_ANSWER_BYTES),
        health=health,
        contents=contents,
        inspector=Inspector(settings.ORBIT_MAX_ANSWER_BYTES),
        chores=chores,
        key_pepper=settings.ORBIT_KEY_PEPPER,
        max_body_bytes=settings.ORBIT_MAX_BODY_BYTES,
        trusted_proxies=settings.ORBIT_TRUSTED_PROXIES,
    )


async def stop(runtime: Runtime) -> None:
    """Lets running calls end within ORBIT_DRAIN_S, settles all, and closes what `start` opened."""
    await runtime.supervisor.drained(settings.ORBIT_DRAIN_S)
    await runtime.contents.drained(CONTENTS_S)
    for chore in runtime.chores:
        chore.cancel()
    journal = runtime.settler.journal
    await _trim(journal, runtime.engine, runtime.snapshots)
    await asyncio.to_thread(journal.close)
    await runtime.egress.close()
    runtime.snapshots.threads.shutdown(wait=False)
    runtime.contents.close()
    runtime.inspector.close()
    await asyncio.to_thread(runtime.snapshots.credentials.close)
    runtime.link.close()


async def _keep(journal: Journal, engine: Engine, snapshots: Snapshots) -> None:
    """Brings the journal to disk every second, and drops what the ledger has."""
    turn = 0
    while True:
        await asyncio.sleep(SYNC_S)
        turn += 1
        await asyncio.to_thread(journal.sync)
        if turn % TRIM_EVERY == 0:
            await _trim(journal, engine, snapshots)


async def _tell(health: Health, store: Link) -> None:
    """Shares with the other workers which providers should be left alone."""
    while True:
        await asyncio.sleep(TELL_S)
        await health.exchange(store)


async def _stay_logged_in(credentials: Cache) -> None:
    """Renews what lets us read from secret stores, also while nobody calls."""
    while True:
        await asyncio.sleep(RENEW_S)
        try:
            await asyncio.to_thread(credentials.keep)
        except CannotRead as error:
            logger.warning("a secret store does not renew our way in: %s", error)


async def _trim(journal: Journal, engine: Engine, snapshots: Snapshots) -> None:
    """Of shards that lost nothing since: a new stream's ids pass those of events that an old one took with it."""
    try:
        written = await snapshots.read(positions)
        journal.trim({shard: written[shard] for shard in list(engine.seen) if await engine.continues(shard)})
    except (OrbitError, StoreUnavailable, StoreError) as error:
        logger.warning("the journal is not trimmed: %s", error)
