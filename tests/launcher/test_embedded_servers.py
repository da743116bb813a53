"""Real servers, killed for real."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
import redis

from orbit.launcher import embedded, state
from tests.launcher.conftest import Run, kill, lives


@pytest.mark.full
def test_rows_and_keys_survive_a_kill(directory: Path) -> None:
    with embedded.running(directory, {}, durable=True) as first:
        with psycopg.connect(first.environment["DATABASE_OWNER_URL"], autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        with redis.Redis.from_url(first.environment["REDIS_URL"]) as store:
            store.set("kept", 7)
            store.execute_command("WAITAOF", 1, 0, 5000)
        for pid in first.pids.values():
            kill(pid)
    with embedded.running(directory, {}, durable=True) as second:
        with psycopg.connect(second.environment["DATABASE_OWNER_URL"]) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        with redis.Redis.from_url(second.environment["REDIS_URL"]) as store:
            assert store.get("kept") == b"7"


def test_servers_are_strict_about_who_comes_and_what_they_keep(directory: Path) -> None:
    with embedded.running(directory, {}, durable=True) as servers:
        with psycopg.connect(servers.environment["DATABASE_URL"]) as connection:
            rights = (
                "SELECT rolname, rolsuper, rolinherit, rolcreatedb FROM pg_roles WHERE rolname = current_user"
            )
            assert connection.execute(rights).fetchone() == ("orbit_login", False, False, False)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.environment["DATABASE_URL"].replace("orbit_login:", "orbit_login:x"))
        with redis.Redis.from_url(servers.environment["REDIS_URL"]) as store:
            wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
            assert store.config_get(*wanted) == wanted
        address = servers.environment["REDIS_URL"].rpartition("@")[2]
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis.from_url(f"redis://{address}").ping()


def test_second_instance_on_the_same_data_is_refused(directory: Path) -> None:
    with (
        state.only_instance(directory),
        pytest.raises(state.LauncherError, match="already running"),
        state.only_instance(directory, wait_s=0),
    ):
        pass


def test_given_addresses_start_nothing(directory: Path) -> None:
    given = {"DATABASE_URL": "postgresql://elsewhere/x", "REDIS_URL": "redis://elsewhere"}
    assert embedded.needed(directory, given, durable=True) == []


def test_half_made_cluster_is_never_used(directory: Path) -> None:
    left = directory / "postgres" / "init.1"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18")
    with embedded.running(directory, {"REDIS_URL": "redis://elsewhere"}, durable=False) as servers:
        assert servers.pids.keys() == {"postgres"}
    assert not left.exists()


@pytest.mark.full
def test_killed_owner_takes_its_servers_along(directory: Path, run_script: Run) -> None:
    owner = run_script(f"""
        import json, pathlib, time
        from orbit.launcher import embedded
        with embedded.running(pathlib.Path({str(directory)!r}), {{}}, durable=False) as servers:
            print(json.dumps(servers.pids), flush=True)
            time.sleep(60)
    """)
    assert owner.stdout is not None
    pids = json.loads(owner.stdout.readline()).values()
    kill(owner.pid)
    with embedded.running(directory, {}, durable=False):  # waits until they are gone
        assert not any(lives(pid) for pid in pids)
