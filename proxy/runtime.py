"""What one worker shares among its requests, made when it starts and closed when it stops."""

from __future__ import annotations

import asyncio
import logging
import resource
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings

from audit.ledger import positions
from dlp.external.client import Client
from orbit.lib.egress import CLIENTS, Egress
from orbit.lib.errors import OrbitError
from orbit.lib.exchange import Timeouts
from orbit.lib.metrics import Book, Names, Shelf
from orbit.lib.redis import Link, StoreError, StoreUnavailable, link
from proxy.admission import Admissions
from proxy.health import Health
from proxy.learning import Outputs
from proxy.measures import FAMILIES, Measures
from proxy.personal.asking import Asker, workers_path
from proxy.personal.outward import Outside
from proxy.personal.requests import Inspector
from proxy.pipeline import Pipeline
from proxy.refusals import EVERY_S as NOTE_S
from proxy.refusals import Notes
from proxy.repeats import Repeats
from proxy.room import Room
from proxy.settlement import Settler
from proxy.snapshot import Snapshots
from proxy.storing import Contents
from proxy.strangers import EndUsers
from proxy.supervisor import Supervisor, forever
from proxy.telling import TICK_S, Telling
from proxy.traces import link as traces
from proxy.traces.tracer import Tracer
from proxy.trail import Marks, Trail
from proxy.upstream import Upstream
from proxy.watch import Watch
from quotas.engine import Engine
from quotas.journal import Journal
from quotas.local import LocalShares
from tenants.secrets import Cache, CannotRead

logger = logging.getLogger(__name__)

SYNC_S = 1.0  # between two syncs of the journal
TRIM_S = 15.0  # after which it drops what the ledger has
TELL_S = 1.0  # after which workers tell each other which providers should be left alone
RENEW_S = 5.0
TRACES_S = 3.0  # for spans that wait, when a worker stops
CONTENTS_S = 5.0  # for contents that wait, when a worker stops
FILES_FOR_CALLS = 0.8  # the rest is for stores, health and operators
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
    refusals: Notes
    repeats: Repeats
    room: Room
    measures: Measures
    telling: Telling
    inspector: Inspector
    chores: list[asyncio.Task[None]]
    key_pepper: str
    max_body_bytes: int
    trusted_proxies: int
    tracer: Tracer | None = None
    call_lines: bool = False

    @property
    def stopping(self) -> bool:
        return self.supervisor.stopping

    @property
    def over(self) -> bool:
        return self.supervisor.over


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
    shelf = Shelf(Path(settings.ORBIT_DATA_DIR) / "metrics")
    place = shelf.enter("web")
    measures = Measures(Book(FAMILIES), Names(shelf.names, settings.ORBIT_METRICS_ORGANIZATIONS))
    tracer = traces.started()
    settler = Settler(
        engine,
        supervisor,
        journal,
        shares,
        Watch(snapshots, supervisor),
        contents,
        measures,
        tracer,
        settings.ORBIT_LOG_CALLS,
    )
    telling = Telling(place, measures, settler)
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
    trail, end_users = Trail(store, marks), EndUsers(settings.ORBIT_END_USERS)
    admissions = Admissions(engine, snapshots, shares, journals, outputs, supervisor, trail, end_users)
    upstream = Upstream(egress, admissions, settler, health)
    refusals, repeats = Notes(store), Repeats(store)
    chores = [
        *(
            asyncio.create_task(forever(work, every_s, name), name=name)
            for name, work, every_s in (
                ("renew", settler.renew, settings.ORBIT_LEASE_S / RENEWALS),
                ("journal", partial(asyncio.to_thread, journal.sync), SYNC_S),
                ("trim", partial(_trim, journal, engine, snapshots), TRIM_S),
                ("health", partial(health.exchange, store), TELL_S),
                ("secret stores", partial(_stay_logged_in, snapshots.credentials), RENEW_S),
                ("refusals", refusals.send, NOTE_S),
                ("repeats", repeats.send, NOTE_S),
                ("metrics", telling.look, TICK_S),
            )
        ),
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
        refusals=refusals,
        repeats=repeats,
        room=Room.of(_most_calls(), settings.ORBIT_WORKER_BODY_BYTES, settings.ORBIT_MAX_BODY_BYTES),
        measures=measures,
        telling=telling,
        inspector=Inspector(
            settings.ORBIT_MAX_ANSWER_BYTES,
            asker=Asker(workers_path()),
            outside=Outside(Client(egress, settings.ORBIT_INSPECTOR_REQUESTS), asked=measures.asked_outside),
        ),
        chores=chores,
        key_pepper=settings.ORBIT_KEY_PEPPER,
        max_body_bytes=settings.ORBIT_MAX_BODY_BYTES,
        trusted_proxies=settings.ORBIT_TRUSTED_PROXIES,
        tracer=tracer,
        call_lines=settings.ORBIT_LOG_CALLS,
    )


def _most_calls() -> int:
    """As set, and no more than there are open files for: each call has its client's connection and its provider's."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    calls: int = settings.ORBIT_WORKER_CALLS
    return calls if most == resource.RLIM_INFINITY else max(4, min(calls, int(most * FILES_FOR_CALLS) // 2))


async def stop(runtime: Runtime) -> None:
    """Lets running calls end within ORBIT_DRAIN_S, settles all, and closes what `start` opened."""
    await runtime.supervisor.drained(settings.ORBIT_DRAIN_S)
    await runtime.contents.drained(CONTENTS_S)
    for chore in runtime.chores:
        chore.cancel()
    await runtime.refusals.send()
    await runtime.repeats.send()
    if runtime.tracer is not None:
        await asyncio.to_thread(runtime.tracer.exporter.close, TRACES_S)
    await asyncio.to_thread(runtime.telling.close)
    journal = runtime.settler.journal
    await _trim(journal, runtime.engine, runtime.snapshots)
    await asyncio.to_thread(journal.close)
    await runtime.egress.close()
    runtime.snapshots.threads.shutdown(wait=False)
    runtime.contents.close()
    runtime.inspector.close()
    await runtime.inspector.asker.close()
    await asyncio.to_thread(runtime.snapshots.credentials.close)
    runtime.link.close()


async def _stay_logged_in(credentials: Cache) -> None:
    """Renews what lets us read from secret stores, also while nobody calls."""
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
