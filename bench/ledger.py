"""`python -m bench.ledger`: what the ledger's writer takes in, beside a COPY of the same rows into the same indexed table.

`python -m bench.ledger verify`: how fast ledgers are verified."""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg

from bench import procfs, verifier
from orbit.launcher import embedded, state
from orbit.launcher.embedded import Running

SHARD = 7
COPIED = "bench_copy"


@dataclass(frozen=True, slots=True)
class Round:
    events: int
    bytes_per_event: float
    writer_s: float
    copy_s: float
    python_cpu_s: float  # of the writer; and Postgres' for it
    postgres_cpu_s: float
    copy_cpu_s: float

    @property
    def writer_cpu_s(self) -> float:
        return self.python_cpu_s + self.postgres_cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["write", "verify"], default="write")
    parser.add_argument("--events", type=int, default=10_000, help="of one round (10000)")
    parser.add_argument("--rounds", type=int, default=5, help="medians are shown (5)")
    parser.add_argument("--profile", action="store_true", help="where the writer's time goes, instead")
    parser.add_argument("--markdown", action="store_true", help="rewrite the table in docs/performance.md")
    options = parser.parse_args()
    with servers_for_bench() as servers:
        assert servers.postgres is not None
        if options.profile:
            _profile(options.events)
            return
        if options.what == "verify":
            text = _verified(servers.pids["postgres"], options.events, options.rounds)
            _show("verifier", text, options.markdown)
            return
        with psycopg.connect(servers.postgres.owner_url(), autocommit=True) as owner:
            postgres = servers.pids["postgres"]
            owner.execute(f"CREATE TABLE {COPIED} (LIKE audit_event_d0 INCLUDING ALL)")
            _round(owner, postgres, options.events)  # caches, plans and files grow
            rounds = [_round(owner, postgres, options.events) for _ in range(options.rounds)]
    _show("ledger", _table(rounds), options.markdown)


def _show(block: str, text: str, markdown: bool) -> None:
    print(text)
    if markdown:
        from bench import report

        report.rewrite(block, text)


def _verified(postgres: int, events: int, rounds: int) -> str:
    organizations = [UUID(event(number)["organization_id"]) for number in range(4)]
    _send(events)
    _write(events)
    with tempfile.TemporaryDirectory() as name:
        verifier.export(Path(name), organizations[0])
        runs = [
            (verifier.stored(postgres, organizations), verifier.exported(Path(name))) for _ in range(rounds)
        ]
    ways = zip(("`manage.py audit verify`", "stand-alone, from a file"), zip(*runs, strict=True), strict=True)
    said = (
        f"{rounds} rounds over {runs[0][0].rows:,} events of four organizations in the database, and {runs[0][1].rows:,} of one "
        "in a file; CPU is that of the verifier and of Postgres."
    )
    return "\n".join(
        [
            "| | median | least | most |",
            "| --- | ---: | ---: | ---: |",
            *(
                _row(f"{title}, {unit}", [one.rows / seconds(one) for one in found])
                for title, found in ways
                for unit, seconds in (
                    ("events/s", attrgetter("wall_s")),
                    ("events/s of CPU", attrgetter("cpu_s")),
                )
            ),
            "",
            said,
        ]
    )


@contextmanager
def servers_for_bench() -> Iterator[Running]:
    parent = "/var/tmp" if state.is_root() else None  # noqa: S108 - mkdtemp's folder is ours alone
    folder = Path(tempfile.mkdtemp(prefix="orbit-bench-", dir=parent))
    try:
        state.make_data_dir(folder)
        with embedded.running(folder, {}, durable=True) as servers:
            for name in [name for name in os.environ if name.startswith("ORBIT_")]:
                del os.environ[name]  # what a shell has for its own installation is not for us
            os.environ.update(servers.environment)
            os.environ.update(
                {
                    "ORBIT_DATA_DIR": str(folder),
                    "ORBIT_SECRET_KEY": secrets.token_urlsafe(32),
                    "ORBIT_KEY_PEPPER": base64.b64encode(secrets.token_bytes(32)).decode(),
                    "ORBIT_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
                    "ORBIT_LOG_LEVEL": "ERROR",
                    "DJANGO_SETTINGS_MODULE": "orbit.settings.prod",
                }
            )
            for command in ("migrate", "ensure_roles"):
                argv = [sys.executable, str(state.PROJECT / "manage.py"), command, "--verbosity", "0"]
                subprocess.run(argv, check=True, cwd=state.PROJECT)
            import django  # after the variables that its settings read

            django.setup()
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def event(number: int) -> dict[str, Any]:
    """A plain call as workers send it, of one of forty keys of four organizations."""
    from orbit.lib.ids import uuid7

    key, event_id = number % 40, str(uuid7())
    owner = f"00000000-0000-7000-8000-{key % 4:012d}"
    return {
        "v": 1,
        "event_id": event_id,
        "request_id": event_id,
        "kind": "call",
        "organization_id": owner,
        "organization": f"organization-{key % 4}",
        "project_id": f"00000000-0000-7001-8000-{key % 8:012d}",
        "project": "support-assistant",
        "key_id": f"00000000-0000-7002-8000-{key:012d}",
        "key": f"production-{key}",
        "account_id": owner,
        "account": "openai-eu",
        "end_user": f"user-{number % 1000:06d}@example.com",
        "surface": "openai",
        "endpoint": "chat/completions",
        "stream": bool(number % 2),
        "model": "gpt-4o-mini",
        "upstream_model": "gpt-4o-mini-2024-07-18",
        "status": "settled",
        "usage_source": "provider",
        "http_status": 200,
        "finish_reason": "stop",
        "input_tokens": 1200 + number % 700,
        "cached_input_tokens": 1024,
        "output_tokens": 240 + number % 90,
        "reasoning_tokens": 0,
        "cost_nano": 324_000 + number,
        "currency": "USD",
        "price_version": "genai-prices 0.2.3#412",
        "policy_version": "default@14,support@3",
        "duration_ms": 1800 + number % 400,
        "first_token_ms": 310,
        "admitted_us": time.time_ns() // 1000,
        "detail": {
            "reserved": {"input_tokens": 1900, "output_tokens": 1024, "cost_nano": 899_400},
            "key_hint": "orb_4fj2…x9Qd",
            "tags": {"feature": "summary", "release": "2026-11-30"},
            "client_ip": "10.20.30.40",
            "user_agent": "OpenAI/Python 2.9.0",
            "attempts": [
                {
                    "account": "openai-eu",
                    "model": "gpt-4o-mini-2024-07-18",
                    "http_status": 200,
                    "duration_ms": 1790,
                    "cost_nano": 324_000 + number,
                    "upstream_request_id": f"req_{number:032x}",
                }
            ],
            "service_tier": "default",
            "usage": {
                "prompt_tokens": 1200 + number % 700,
                "completion_tokens": 240 + number % 90,
                "total_tokens": 1440,
                "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0},
            },
        },
    }


def _send(events: int) -> int:
    """Puts events into the stream; their bytes."""
    from audit.streams import stream_key
    from orbit.lib.store import client

    size, pipe = 0, client().pipeline(transaction=False)
    for number in range(events):
        text = orjson.dumps(event(number))
        size += len(text)
        pipe.xadd(stream_key(SHARD), {"e": text, "k": "call", "t": str(time.time_ns() // 1000)})
        if number % 1000 == 999:
            pipe.execute()
    pipe.execute()
    return size


def _write(events: int) -> float:
    from audit import ledger
    from orbit.lib.store import client

    store, left, began = client(), events, time.perf_counter()
    while left > 0:
        moved = ledger.write_shard(store, SHARD)
        assert moved, "the writer found nothing"
        left -= moved
    return time.perf_counter() - began


def _cpu(postgres: int) -> tuple[float, float]:
    """Of this process alone, and of Postgres. The servers are its children, so its tree would count them in."""
    return time.process_time(), procfs.cpu_s([postgres])


def _round(owner: psycopg.Connection[Any], postgres: int, events: int) -> Round:
    size = _send(events)
    before = _cpu(postgres)
    writer_s = _write(events)
    python_cpu_s, postgres_cpu_s = (now - was for now, was in zip(_cpu(postgres), before, strict=True))
    with (
        owner.cursor() as cursor,
        cursor.copy(
            "COPY (SELECT * FROM audit_event_d0 ORDER BY shard_seq DESC LIMIT %s) TO STDOUT", (events,)
        ) as copy,
    ):
        rows = b"".join(bytes(piece) for piece in copy)
    copied, began = sum(_cpu(postgres)), time.perf_counter()
    with owner.cursor() as cursor, cursor.copy(f"COPY {COPIED} FROM STDIN") as copy:
        copy.write(rows)
    copy_s = time.perf_counter() - began
    copy_cpu_s = sum(_cpu(postgres)) - copied
    return Round(events, size / events, writer_s, copy_s, python_cpu_s, postgres_cpu_s, copy_cpu_s)


def _table(rounds: list[Round]) -> str:
    said = (
        f"{len(rounds)} rounds of {rounds[0].events:,} events of {rounds[0].bytes_per_event:,.0f} bytes; one writer, one shard, "
        "four organizations, forty keys. CPU is that of Postgres and of the process that sends."
    )
    return "\n".join(
        [
            "| | median | least | most |",
            "| --- | ---: | ---: | ---: |",
            _row("ledger writer, events/s", [one.events / one.writer_s for one in rounds]),
            _row(
                "COPY of the same rows into the same indexed table, rows/s",
                [one.events / one.copy_s for one in rounds],
            ),
            _row("writer / COPY", [one.copy_s / one.writer_s for one in rounds], digits=2),
            _row("CPU of the writer, µs an event", [one.writer_cpu_s / one.events * 1e6 for one in rounds]),
            _row("of it Python's", [one.python_cpu_s / one.events * 1e6 for one in rounds]),
            _row("of it Postgres'", [one.postgres_cpu_s / one.events * 1e6 for one in rounds]),
            _row("CPU of COPY, µs a row", [one.copy_cpu_s / one.events * 1e6 for one in rounds]),
            _row("COPY / writer, by CPU", [one.copy_cpu_s / one.writer_cpu_s for one in rounds], digits=2),
            "",
            said,
        ]
    )


def _row(title: str, figures: list[float], digits: int = 0) -> str:
    shown = (statistics.median(figures), min(figures), max(figures))
    return f"| {title} | {' | '.join(f'{one:,.{digits}f}' for one in shown)} |"


def _profile(events: int) -> None:
    import cProfile
    import pstats

    _send(2000)
    _write(2000)
    _send(events)
    profile = cProfile.Profile(time.process_time)  # by CPU: the machine has others to serve
    profile.enable()
    _write(events)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
