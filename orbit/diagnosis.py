"""What usually is the matter with an installation, looked at from its own machine, and what to do about it."""

from __future__ import annotations

import shutil
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from redis import Redis
from redis.exceptions import RedisError

from audit import backlog
from audit.sinks import lag
from console import mail
from console.pulse import LATE_S, Pulse, pulses
from orbit import startup
from orbit.grafana import api as grafana
from orbit.lib import line
from orbit.lib.store import servers
from orbit.lib.traces import NotTaken
from proxy.traces import link
from quotas.journal import standing

OLDEST_POSTGRES = 15
LEAST_FREE = 1_000_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Finding:
    state: str  # ok, warn or fail
    what: str
    detail: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def examined() -> Iterator[Finding]:
    for check in (
        _settings,
        _database,
        _migrations,
        _store,
        _ledger,
        _tasks,
        _workers,
        _sinks,
        _mail,
        _disk,
        _traces,
        _grafana,
    ):
        yield from _tried(check)


def _tried(check: Check) -> Iterator[Finding]:
    what = check.__name__.strip("_")
    try:
        yield from check()
    except DatabaseError as error:
        yield Finding(
            "fail", what, f"the database does not answer: {_first_line(error)}", "Look at DATABASE_URL."
        )
    except (RedisError, OSError) as error:
        yield Finding(
            "fail", what, f"no answer: {_first_line(error)}", "Look at REDIS_URL and ORBIT_CACHE_URL."
        )


def _settings() -> Iterator[Finding]:
    found = startup.examined()
    for problem in found.problems:
        yield Finding("fail", "settings", problem, "Nothing starts before that.")
    for warning in found.warnings:
        yield Finding("warn", "settings", warning)
    if not found.problems and not found.warnings:
        yield Finding("ok", "settings", "nothing is unsafe or works by half")


def _database() -> Iterator[Finding]:
    for alias in startup.ROLES:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('server_version_num')::int / 10000")
            user, version = cursor.fetchone()
        if version < OLDEST_POSTGRES:
            yield Finding("fail", "database", f"Postgres {version}", f"Take {OLDEST_POSTGRES} or newer.")
        else:
            yield Finding("ok", "database", f"Postgres {version} answers {user}")


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connections["operator"])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{one.app_label} {one.name}" for one, _ in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield Finding("fail", "migrations", f"not applied: {names}{more}", "Run `manage.py migrate`.")
    else:
        yield Finding("ok", "migrations", "all applied")


def _store() -> Iterator[Finding]:
    count = 0
    for server in servers():
        server.ping()
        count += 1
    yield Finding(
        "ok", "store", f"{count} server{'' if count == 1 else 's'} answer{'s' if count == 1 else ''}"
    )


def _ledger() -> Iterator[Finding]:
    behind_s = max((one.age_s for one in backlog.survey() if one.any), default=0.0)
    if behind_s > settings.ORBIT_LEDGER_ALARM_S:
        detail = f"the oldest event that is not written is {behind_s:.0f} s old"
        yield Finding("warn", "ledger", detail, "See that a Celery worker runs; docs/ledger.md.")
    else:
        yield Finding("ok", "ledger", f"{behind_s:.0f} s behind")


def _tasks() -> Iterator[Finding]:
    with Redis.from_url(settings.ORBIT_BROKER_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
        waiting = line.lengths(broker)
    for queue, seen in pulses().items():
        yield _queue(queue, seen, waiting[queue])


def _queue(queue: str, seen: list[Pulse], waiting: int) -> Finding:
    what, wait = f"tasks of {queue}", f"{waiting} wait{'s' if waiting == 1 else ''}"
    if seen and not seen[0].is_late:
        working = sum(not one.is_late for one in seen)
        return Finding("ok", what, f"{working} Celery worker{'' if working == 1 else 's'}, {wait}")
    since = f"for {seen[0].age_s} s" if seen else "within the hour"
    return Finding(
        "fail",
        what,
        f"no Celery worker took up a beat {since}, which every {LATE_S} s one should; {wait}",
        f"Start `celery -A orbit.celery worker --queues {queue}` and one `beat`, with the same settings.",
    )


def _workers() -> Iterator[Finding]:
    journals = standing(settings.ORBIT_DATA_DIR / "journals")
    living = sum(one.alive for one in journals)
    if not living:
        yield Finding("warn", "web workers", "none of this host lives", "Start `manage.py up`.")
    else:
        yield Finding("ok", "web workers", f"{living} of this host")
    if left := len(journals) - living:
        yield Finding(
            "warn",
            "journals",
            f"{left} of workers that went without ending their calls",
            "A Celery worker that sees ORBIT_DATA_DIR settles them within seconds.",
        )


def _sinks() -> Iterator[Finding]:
    if not settings.ORBIT_SINKS:
        return
    for one in lag.lags():
        bad = one.state not in ("running", "paused", "removed")
        yield Finding(
            "warn" if bad else "ok",
            "sink",
            f"{one.name} is {one.state}",
            "manage.py sinks status" if bad else "",
        )


def _mail() -> Iterator[Finding]:
    if mail.is_outbox():
        return  # what is to be said of that, `settings` says
    try:
        mail.probe()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding(
            "fail", "mail", f"the server of ORBIT_EMAIL_URL: {_first_line(error)}", "Look at ORBIT_EMAIL_URL."
        )
    else:
        yield Finding("ok", "mail", "the server lets us in")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(settings.ORBIT_DATA_DIR).free
    state, remedy = ("ok", "") if free >= LEAST_FREE else ("warn", "Make room: journals of calls go there.")
    yield Finding(state, "disk", f"{free / 1e9:.1f} GB are free in ORBIT_DATA_DIR", remedy)


def _traces() -> Iterator[Finding]:
    if not settings.ORBIT_TRACES_URL or link.problems():
        return
    try:
        link.tried()
    except NotTaken as error:
        yield Finding(
            "warn", "traces", f"the collector {error}", "Look at ORBIT_TRACES_URL and ORBIT_TRACES_HEADERS."
        )
    else:
        yield Finding("ok", "traces", "the collector takes them")


def _grafana() -> Iterator[Finding]:
    if not grafana.is_set_up() or grafana.problems():
        return
    try:
        with grafana.connected() as answering:
            answering.folder("orbit-gateway")
    except grafana.GrafanaError as error:
        remedy = "Look at ORBIT_GRAFANA_URL and ORBIT_GRAFANA_TOKEN."
        yield Finding("warn", "grafana", f"it {error}", remedy)
    else:
        yield Finding("ok", "grafana", "it lets us in")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
