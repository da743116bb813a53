"""A process refuses to start on stores and roles that would break a promise."""

import os
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connections

from orbit import startup
from orbit.launcher import state
from orbit.startup import addresses, secrets, stores
from tests.cluster import running_cluster
from tests.gateway import running_gateway


def test_a_sound_installation_has_no_problems() -> None:
    assert startup.problems() == []


@pytest.mark.parametrize("name", ["SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY"])
def test_missing_secret_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, name, "")
    [problem] = startup.problems()
    assert name in problem


FINE = "0Zq8xJ2vK5mW9rT4yB7nC1dF6gH3sL0p"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"SECRET_KEY": FINE[:31]}, "ORBIT_SECRET_KEY must have at least 32 characters"),
        ({"SECRET_KEY": "ab" * 20}, "ORBIT_SECRET_KEY repeats a few characters"),
        ({"SECRET_KEY": f"django-insecure-{FINE}"}, "ORBIT_SECRET_KEY is an example's"),
        ({"ORBIT_KEY_PEPPER": f"change-me-{FINE}"}, "ORBIT_KEY_PEPPER is an example's"),
        ({"SECRET_KEY": FINE, "ORBIT_KEY_PEPPER": FINE}, "ORBIT_KEY_PEPPER is the same as ORBIT_SECRET_KEY"),
        ({"ORBIT_METRICS_TOKEN": "short"}, "ORBIT_METRICS_TOKEN must have at least 16"),
        ({"DEBUG": True}, "DEBUG is on"),
        ({"ALLOWED_HOSTS": ["gateway.example.com", "*"]}, "ORBIT_ALLOWED_HOSTS lets any host name in"),
        ({"ORBIT_PUBLIC_URL": "gateway.example.com"}, "ORBIT_PUBLIC_URL must read https://host"),
        (
            {"ORBIT_PUBLIC_URL": "https://gateway.example.com"},
            "Add gateway.example.com to ORBIT_ALLOWED_HOSTS",
        ),
        ({"ORBIT_EMAIL_URL": "pigeon://post"}, "ORBIT_EMAIL_URL must be"),
        ({"ORBIT_DATA_DIR": "/proc/nowhere"}, "ORBIT_DATA_DIR is /proc/nowhere"),
        ({"ORBIT_TRACES_URL": "collector.example.com:4318"}, "ORBIT_TRACES_URL"),
        ({"ORBIT_TRACES_URL": "https://collector.example.com/v1/traces?key=1"}, "ORBIT_TRACES_HEADERS"),
        ({"ORBIT_TRACES_CA_FILE": "/nowhere.pem"}, "ORBIT_TRACES_CA_FILE cannot be read"),
    ],
)
def test_unsafe_setting_is_refused_in_words(
    given: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setattr(settings, name, value)
    [problem] = startup.problems()
    assert words in problem
    assert problem.endswith(".")


SERVER: dict[str, Any] = {
    "ORBIT_DEVELOPMENT": False,
    "ORBIT_PUBLIC_URL": "https://gateway.example.com",
    "ALLOWED_HOSTS": ["gateway.example.com"],
    "ORBIT_TRUSTED_PROXIES_GIVEN": True,
    "ORBIT_EMAIL_URL": "smtp://orbit:kf83hd@mail.example.com:587",
    "ORBIT_SIGN_UP": "open",
}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"ORBIT_PUBLIC_URL": "http://gateway.example.com"}, "nobody could sign in"),
        ({"ORBIT_TRUSTED_PROXIES_GIVEN": False}, "ORBIT_TRUSTED_PROXIES is not set"),
        ({"ORBIT_EMAIL_URL": "outbox:"}, "ORBIT_SIGN_UP lets people sign up"),
        ({"ORBIT_EMAIL_URL": "outbox:", "ORBIT_SIGN_UP": "invitation"}, ""),
        ({"ORBIT_PUBLIC_URL": "http://127.0.0.1:8080", "ORBIT_EMAIL_URL": "outbox:"}, ""),  # tried out
        ({"DATABASE_URL": "postgresql://orbit:orbit@db:5432/orbit"}, "DATABASE_URL has a password"),
        ({"REDIS_URL": "redis://:redis@store:6379/0"}, "REDIS_URL has a password"),
    ],
)
def test_what_a_server_would_do_by_half_is_refused(
    given: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SERVER, **given}.items():
        monkeypatch.setattr(settings, name, value)
    found = [*secrets.problems(), *addresses.problems()]
    assert [words in one for one in found] == ([True] if words else [])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ORBIT_DEVELOPMENT": True}, "DJANGO_SETTINGS_MODULE=orbit.settings.prod"),
        ({"ORBIT_PUBLIC_URL": "http://localhost:8080"}, "ORBIT_PUBLIC_URL leads to this machine itself"),
        ({"ORBIT_EMAIL_URL": "outbox:"}, "ORBIT_EMAIL_URL is outbox:"),
        ({"ORBIT_NAMES_SOCKET_GIVEN": True}, "ORBIT_NAMES_SOCKET names a socket at which nobody answers"),
    ],
)
def test_what_is_only_odd_is_told_and_starts(
    given: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SERVER, **given}.items():
        monkeypatch.setattr(settings, name, value)
    [warning] = startup.examined().warnings
    assert words in warning


@pytest.mark.parametrize(
    ("ahead_s", "problems", "warnings"), [(0, 0, 0), (-1, 0, 0), (-30, 0, 2), (30, 0, 2), (600, 2, 0)]
)
def test_clocks_that_differ_are_told_and_refused_when_far(
    ahead_s: float, problems: int, warnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "now", lambda: time.time() - ahead_s)
    found = startup.examined()
    assert (len(found.problems), len(found.warnings)) == (problems, warnings)
    for one in found.problems + found.warnings:
        assert f"{abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'}" in one
        assert "NTP" in one


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ORBIT_MASTER_KEY": "short"}, "ORBIT_MASTER_KEY"),
        ({"ORBIT_SECRET_PREFIX": "orbit"}, "ORBIT_SECRET_PREFIX"),
        ({"ORBIT_VAULT_ADDR": "https://vault.example:8200"}, "ORBIT_VAULT_TOKEN"),
    ],
)
def test_what_the_checks_of_an_app_refuse_is_named(
    given: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setattr(settings, name, value)
    [problem] = startup.problems()
    assert named in problem


def test_a_store_that_keeps_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ORBIT_REDIS_UNSAFE", False)
    [problem] = startup.problems()
    assert "append-only" in problem
    assert "ORBIT_REDIS_UNSAFE" in problem


@pytest.mark.xdist_group("cluster")
def test_every_master_of_a_cluster_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_cluster(durable=True) as cluster:
        monkeypatch.setattr(settings, "REDIS_URL", cluster.url)
        monkeypatch.setattr(settings, "ORBIT_REDIS_UNSAFE", False)
        assert startup.problems() == []
        evicts, keeps_nothing, away = cluster.nodes
        evicts.client.config_set("maxmemory-policy", "allkeys-lru")
        keeps_nothing.client.config_set("appendonly", "no")
        cluster.kill(cluster.nodes.index(away))
        found = startup.problems()
    assert len(found) == 2
    assert {
        (f":{evicts.port} may evict" in one, f":{keeps_nothing.port} keeps no" in one) for one in found
    } == {
        (True, False),
        (False, True),
    }
    assert all("ORBIT_REDIS_UNSAFE" in one for one in found)


def test_a_connection_without_its_role_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict["OPTIONS"], "options", "-c role=orbit_operator")
    connections["default"].close()
    try:
        [problem] = startup.problems()
    finally:
        connections["default"].close()
    assert "orbit_app" in problem


def test_signing_in_as_the_owner_is_refused_whatever_role_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = urlsplit(os.environ["DATABASE_OWNER_URL"])
    for name, value in (("USER", owner.username), ("PASSWORD", owner.password)):
        monkeypatch.setitem(connections["default"].settings_dict, name, value)
    connections["default"].close()
    try:
        [problem] = startup.problems()
    finally:
        connections["default"].close()
    assert "DATABASE_URL signs in as" in problem
    assert "DATABASE_OWNER_URL" in problem


def test_stores_that_are_away_are_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setitem(connections["default"].settings_dict, "PORT", "9")
    connections["default"].close()
    try:
        assert startup.examined() == startup.Examined([], [])
    finally:
        connections["default"].close()


def test_a_worker_that_finds_a_problem_opens_no_port() -> None:
    with pytest.raises(RuntimeError, match="exited"), running_gateway(environment={"ORBIT_MASTER_KEY": ""}):
        pass


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_tasks_are_not_run_or_sent_where_calls_would_not_be_taken(kind: str) -> None:
    argv = [sys.executable, "-m", "celery", "-A", "orbit.celery", kind]
    argv += ["--pidfile="] if kind == "beat" else ["--pool", "solo"]
    environ = {**os.environ, "ORBIT_ALLOWED_HOSTS": "*"}
    ended = subprocess.run(argv, env=environ, cwd=state.PROJECT, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert "ORBIT_ALLOWED_HOSTS lets any host name in" in ended.stderr
