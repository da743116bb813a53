"""A bad value of the environment stops the start and is named."""

import os
import subprocess
import sys

import pytest

from orbit import env

CLUSTER = "redis+cluster://:secret@10.0.0.1:6379,10.0.0.2:6379"


@pytest.mark.parametrize("url", ["", "redis://:p@h:1/2", "rediss://h", CLUSTER])
def test_store_may_be_one_server_or_a_cluster(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    assert env.store("REDIS_URL") == url


def test_store_of_another_kind_is_refused_without_showing_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", "http://:secret@h:1")
    with pytest.raises(env.BadSetting, match="REDIS_URL") as raised:
        env.store("REDIS_URL")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "given", [{}, {"ORBIT_BROKER_URL": "redis://b:1/0"}, {"ORBIT_CACHE_URL": "redis://c:1/0"}]
)
def test_beside_a_cluster_tasks_and_cache_need_a_server_of_their_own(given: dict[str, str]) -> None:
    environ = {**os.environ, "REDIS_URL": CLUSTER, **given}
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    missing = "ORBIT_CACHE_URL" if "ORBIT_BROKER_URL" in given else "ORBIT_BROKER_URL"
    assert done.returncode != 0
    assert f"{missing} must name one Redis server" in done.stderr
    assert "secret" not in done.stderr


def test_a_cluster_with_both_is_taken() -> None:
    both = {"ORBIT_BROKER_URL": "redis://b:1/0", "ORBIT_CACHE_URL": "redis://c:1/0"}
    command = [sys.executable, "-c", "from django.conf import settings; print(settings.REDIS_URL)"]
    environ = {**os.environ, "REDIS_URL": CLUSTER, **both}
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, CLUSTER)
