"""`python -m bench.population`: fills a database of its own; with `--measure`, times lists and admin pages on it."""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orbit.launcher import embedded, state
from orbit.launcher.embedded import Running

DIRECTORY = Path("/var/tmp/orbit-population")  # noqa: S108 - where the servers' own user can reach it


def main() -> None:
    options = _options()
    options.directory.mkdir(parents=True, exist_ok=True)
    state.make_data_dir(options.directory)
    if not options.measure:
        with _servers(options.directory, durable=False) as servers:
            _commands("migrate", "ensure_roles", "collectstatic")
            _fill(options, servers)
        return
    with _servers(options.directory, durable=True):
        _commands("migrate", "ensure_roles", "collectstatic")  # the code may be newer than what was filled
        _measure(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.population", description=__doc__)
    parser.add_argument("--organizations", type=int, default=1_000, metavar="N")
    parser.add_argument("--keys", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--events", type=int, default=10_000_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--until", type=datetime.fromisoformat, help="when the ninety days end (now)")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where the servers keep it")
    parser.add_argument("--rollups-only", action="store_true", help="leave the ledger empty: a few minutes")
    parser.add_argument("--measure", action="store_true", help="time pages on what is there")
    parser.add_argument("--rounds", type=int, default=20, help="how often each page is asked for (20)")
    parser.add_argument("--only", default="", metavar="TEXT", help="pages whose name contains this")
    parser.add_argument("--markdown", action="store_true", help="rewrite the table in docs/performance.md")
    return parser.parse_args()


@contextmanager
def _servers(directory: Path, *, durable: bool) -> Iterator[Running]:
    with embedded.running(directory, {}, durable=durable) as servers:
        for name in [name for name in os.environ if name.startswith("ORBIT_")]:
            del os.environ[name]  # what a shell has for its own installation is not for us
        os.environ.update(servers.environment)
        os.environ.update(
            {
                "ORBIT_DATA_DIR": str(directory),
                "ORBIT_SECRET_KEY": secrets.token_urlsafe(32),
                "ORBIT_KEY_PEPPER": base64.b64encode(secrets.token_bytes(32)).decode(),
                "ORBIT_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
                "ORBIT_ALLOWED_HOSTS": "testserver",
                "ORBIT_LOG_LEVEL": "ERROR",
                "ORBIT_API_RATE": "1000000",
                "DJANGO_SETTINGS_MODULE": "orbit.settings.dev",
            }
        )
        yield servers


def _commands(*names: str) -> None:
    for name in names:
        argv = [sys.executable, str(state.PROJECT / "manage.py"), name, "--verbosity", "0"]
        subprocess.run(
            [*argv, *(["--noinput"] if name == "collectstatic" else [])], check=True, cwd=state.PROJECT
        )


def _fill(options: argparse.Namespace, servers: Running) -> None:
    import django  # after the variables that its settings read

    django.setup()
    from bench.population.fill import fill
    from bench.population.plan import Size

    until = (options.until or datetime.now(UTC)).astimezone(UTC)
    until = until.replace(minute=until.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)
    assert servers.postgres is not None
    size = Size(options.organizations, options.keys, options.events, options.seed, until)
    fill(servers.postgres.owner_url(), size, say, ledger=not options.rollups_only)


def _measure(options: argparse.Namespace) -> None:
    import django

    django.setup()
    from bench import report
    from bench.population import measure

    text = measure.markdown(measure.run(rounds=options.rounds, only=options.only, say=say))
    print(text)
    if options.markdown:
        report.rewrite("population", text)


def say(text: str) -> None:
    print(f"population: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
