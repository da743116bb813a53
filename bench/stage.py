"""What a benchmark runs against: servers, provider, tenant and ledger writer of its own, thrown away afterwards."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from bench import gateway
from orbit.demo.provider.process import ProviderHandle, running_provider
from orbit.launcher import embedded, state

SETTLE_TIMEOUT_S = 120.0
WRITER_LOG = "writer.log"

# Eight limits on the chain of every call, too high for any to refuse one.
ORGANIZATION_LIMITS: list[dict[str, Any]] = [
    {"name": "per-minute", "meter": "requests", "per": "minute", "limit": 10_000_000},
    {"name": "per-day", "meter": "requests", "per": "day", "limit": 1_000_000_000},
    {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "1000000.00"},
    {"name": "at-once", "meter": "concurrency", "limit": 1_000_000},
]
PROJECT_LIMITS: list[dict[str, Any]] = [
    {"name": "per-minute", "meter": "requests", "per": "minute", "limit": 10_000_000},
    {"name": "budget", "meter": "cost", "per": "month", "limit": "1000000.00"},
]
KEY_LIMITS: list[dict[str, Any]] = [
    {"name": "tokens", "meter": "tokens", "per": "day", "limit": 1_000_000_000_000}
]


@dataclass(frozen=True)
class Stage:
    folder: Path
    provider: ProviderHandle
    key: str
    database: psycopg.Connection
    store: redis.Redis
    pids: dict[str, list[int]]  # of all that is not measured as a target: postgres, valkey, writer, provider

    def gateway_sessions_used_since(self, moment: Any) -> int:
        """How many of the gateway's database sessions ran anything; 0 says that it ran no query at all."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state_change > %s"
        return int(self._one(query, (gateway.SESSIONS, moment)))

    def database_now(self) -> Any:
        return self._one("SELECT clock_timestamp()")

    def scripts_run(self) -> tuple[int, float]:
        """Calls of Redis scripts, each one round trip, and the seconds that the store spent in them."""
        stats: dict[str, Any] = self.store.info("commandstats").get("cmdstat_evalsha", {})
        return stats.get("calls", 0), stats.get("usec", 0) / 1e6

    def calls_in_ledger(self) -> int:
        return int(self._one("SELECT count(*) FROM audit_event WHERE kind = 'call'"))

    def wait_written(self, calls: int) -> None:
        """Until the ledger has that many calls, so that its writer does not work during the next measurement."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while (found := self.calls_in_ledger()) < calls:
            if time.monotonic() > deadline:
                words = (self.folder / WRITER_LOG).read_text(errors="replace")[-2000:]
                raise RuntimeError(
                    f"the ledger has {found} of {calls} calls; its writer's last words:\n{words}"
                )
            time.sleep(0.2)

    def _one(self, query: str, arguments: tuple[Any, ...] = ()) -> Any:
        row = self.database.execute(query.encode(), arguments).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        # As root the servers run as another user, who may not reach a private TMPDIR.
        parent = "/var/tmp" if state.is_root() else None  # noqa: S108 - mkdtemp's folder is ours alone
        folder = Path(tempfile.mkdtemp(prefix="orbit-bench-", dir=parent))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        state.make_data_dir(folder)
        (folder / "static").mkdir()  # its absence is worth a warning to every worker
        servers = stack.enter_context(embedded.running(folder, {}, durable=True))
        provider = stack.enter_context(running_provider(pace=0))
        _set_environment(folder, servers.environment, provider)
        _prepare()
        key = _tenant(provider)
        writer = stack.enter_context(_ledger_writer(folder))
        assert servers.postgres is not None
        assert servers.valkey is not None
        connection = stack.enter_context(psycopg.connect(servers.postgres.owner_url(), autocommit=True))
        store = stack.enter_context(redis.Redis.from_url(servers.valkey.url(), decode_responses=True))
        pids = {name: [pid] for name, pid in servers.pids.items()} | {
            "provider": [provider.pid],
            "writer": writer,
        }
        yield Stage(folder, provider, key, connection, store, pids)


def _set_environment(folder: Path, addresses: dict[str, str], provider: ProviderHandle) -> None:
    for name in [name for name in os.environ if name.startswith("ORBIT_")]:
        del os.environ[name]  # what a shell has for its own installation is not for us
    os.environ.update(addresses)
    os.environ.update(
        {
            "ORBIT_DATA_DIR": str(folder),
            "ORBIT_SECRET_KEY": secrets.token_urlsafe(32),
            "ORBIT_KEY_PEPPER": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ORBIT_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "ORBIT_PRIVATE_TARGETS": f"127.0.0.1:{provider.port}",
            "ORBIT_LOG_LEVEL": "WARNING",
            # a machine that does several things at once may keep Valkey waiting longer than a real one would
            "ORBIT_REDIS_TIMEOUT_MS": "2000",
            "DJANGO_SETTINGS_MODULE": "orbit.settings.prod",
        }
    )


def _prepare() -> None:
    for command in ("migrate", "ensure_roles"):
        argv = [sys.executable, str(state.PROJECT / "manage.py"), command, "--verbosity", "0"]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=state.PROJECT)
        if done.returncode:
            raise RuntimeError(f"`manage.py {command}` failed:\n{done.stdout}{done.stderr}")


def _tenant(provider: ProviderHandle) -> str:
    """An organization with a policy on each level; returns its key."""
    import django  # after the variables that its settings read

    django.setup()
    from tenants.apply import apply

    organization = {
        "slug": "bench",
        "provider_accounts": [
            {
                "name": "demo",
                "kind": "openai_compatible",
                "base_url": provider.base_url,
                "prices_as": "openai",
                "credential": {"value": "sk-demo-bench"},
            }
        ],
        "models": [{"alias": "gpt-4o-mini", "targets": [{"account": "demo", "model": "gpt-4o-mini"}]}],
        "policies": [
            {"name": "organization", "limits": ORGANIZATION_LIMITS},
            {"name": "project", "limits": PROJECT_LIMITS},
            {"name": "key", "limits": KEY_LIMITS},
        ],
        "policy": "organization",
        "projects": [{"slug": "app", "policy": "project", "keys": [{"name": "main", "policy": "key"}]}],
    }
    return apply({"version": 1, "organizations": [organization]}, actor="bench").keys[0].secret


@contextmanager
def _ledger_writer(folder: Path) -> Iterator[list[int]]:
    """Celery worker and beat, as the launcher starts them."""
    options = ["--concurrency", "2", "--without-gossip", "--without-mingle"]
    with ExitStack() as stack:
        log = stack.enter_context(open(folder / WRITER_LOG, "wb"))
        pids = []
        for arguments in (["worker", *options], ["beat", "--pidfile="]):
            argv = [sys.executable, "-m", "celery", "-A", "orbit.celery", *arguments, "--loglevel", "WARNING"]
            process = subprocess.Popen(argv, cwd=state.PROJECT, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(_end, process)
            pids.append(process.pid)
        yield pids


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
