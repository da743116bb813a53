"""A process refuses to start on stores and roles that would break a promise."""

import pytest
from django.conf import settings
from django.db import connections

from orbit import startup
from tests.cluster import running_cluster
from tests.gateway import running_gateway


def test_a_sound_installation_has_no_problems() -> None:
    assert startup.problems() == []


@pytest.mark.parametrize("name", ["SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY"])
def test_missing_secret_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, name, "")
    [problem] = startup.problems()
    assert name in problem


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


def test_a_worker_that_finds_a_problem_opens_no_port() -> None:
    with pytest.raises(RuntimeError, match="exited"), running_gateway(environment={"ORBIT_MASTER_KEY": ""}):
        pass
