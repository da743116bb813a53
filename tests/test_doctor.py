"""`manage.py doctor` looks at the installation from its own machine, and says what to do."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from console import pulse
from orbit.lib import line
from tests.collector import TOKEN, running_collector
from tests.gateway import Gateway


def examined() -> tuple[dict[str, dict[str, str]], int]:
    """The last finding of each check, and the exit code."""
    out, code = io.StringIO(), 0
    try:
        call_command("doctor", "--json", stdout=out)
    except CommandError as error:
        code = error.returncode
    found: list[dict[str, Any]] = json.loads(out.getvalue())["checks"]
    return {one["what"]: one for one in found}, code


@pytest.fixture(autouse=True)
def _beaten() -> None:
    for queue in line.QUEUES:
        pulse.note("celery@here", queue)


def test_sound_installation_passes(gateway: Gateway) -> None:
    found, code = examined()
    assert code == 0, found
    assert {name: one["state"] for name, one in found.items() if name not in ("journals", "ledger")} == {
        "settings": "ok",
        "database": "ok",
        "migrations": "ok",
        "store": "ok",
        "tasks of celery": "ok",
        "tasks of jobs": "ok",
        "web workers": "ok",
        "disk": "ok",
    }


def test_silent_tasks_and_unsafe_settings_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse.forget()
    pulse.note("celery@here", "celery")
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["*"])
    found, code = examined()
    assert code == 1
    assert found["tasks of celery"]["state"] == "ok"
    assert (found["tasks of jobs"]["state"], "--queues jobs" in found["tasks of jobs"]["remedy"]) == (
        "fail",
        True,
    )
    assert (found["settings"]["state"], "ORBIT_ALLOWED_HOSTS" in found["settings"]["detail"]) == (
        "fail",
        True,
    )


def test_findings_are_lines_for_people(gateway: Gateway) -> None:
    out = io.StringIO()
    call_command("doctor", stdout=out)
    assert "ok    database     Postgres" in out.getvalue()


def test_stores_that_are_away_fail_and_name_their_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://:s3cretpass@127.0.0.1:9/0")
    for alias in connections:
        monkeypatch.setitem(connections[alias].settings_dict, "PORT", "9")
        connections[alias].close()
    try:
        found, code = examined()
    finally:
        connections.close_all()
    assert code == 1
    assert (found["store"]["state"], "REDIS_URL" in found["store"]["remedy"]) == ("fail", True)
    assert (found["database"]["state"], "DATABASE_URL" in found["database"]["remedy"]) == ("fail", True)
    assert "s3cretpass" not in json.dumps(found)


def test_mail_server_and_collector_are_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setattr(settings, "ORBIT_EMAIL_URL", f"smtp://127.0.0.1:{port}")
    monkeypatch.setattr(settings, "ORBIT_TRACES_HEADERS", {"authorization": TOKEN})
    with running_collector(tmp_path) as collector:
        monkeypatch.setattr(settings, "ORBIT_TRACES_URL", collector.url)
        found, _ = examined()
    assert (found["mail"]["state"], "ORBIT_EMAIL_URL" in found["mail"]["detail"]) == ("fail", True)
    assert found["traces"]["state"] == "ok"
    found, _ = examined()  # the collector has gone
    assert (found["traces"]["state"], "ORBIT_TRACES_URL" in found["traces"]["remedy"]) == ("warn", True)
