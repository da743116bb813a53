"""What the processes write: JSON lines outside a terminal, about which request and organization, and nothing that was said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.launcher import state
from orbit.launcher.terminal import LogBook, Terminal, readable
from tests.conftest import MakeTenant
from tests.gateway import Gateway, running_gateway


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "web.log"


@pytest.fixture(scope="module")
def talkative(provider: ProviderHandle, log: Path) -> Iterator[Gateway]:
    given = {"ORBIT_LOG_LEVEL": "DEBUG", "ORBIT_LOG_CALLS": "1"}
    with log.open("wb") as out, running_gateway(environment=given, log=out) as running:
        yield running


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_calls_have_a_line_where_it_is_wanted_and_nothing_they_said_is_in_it(
    talkative: Gateway, log: Path, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(limits=[{"name": "two", "meter": "requests", "per": "day", "limit": 2}])
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "canary-51aa-prompt"}],
        "user": "canary-51aa-user",
    }
    headers = {"authorization": f"Bearer {tenant.key}", "x-canary": "canary-51aa-header"}
    answers = [
        httpx2.post(
            f"{talkative.base_url}/chat/completions", json={**body, "stream": stream}, headers=headers
        )
        for stream in (False, True, False)
    ]
    assert [one.status_code for one in answers] == [200, 200, 429]
    about = {
        one["request_id"]: one
        for one in lines(log)
        if one["logger"] == "orbit.calls" and one["organization_id"] == str(tenant.id)
    }
    assert list(about) == [one.headers["x-orbit-request-id"] for one in answers]
    first, second, third = about.values()
    assert first["message"] == second["message"] == "call ended"
    assert (first["status"], first["model"], first["account"]) == ("settled", "gpt-4o-mini", "demo")
    assert second["first_token_ms"] >= 0
    assert (third["message"], third["code"], third["limit"]) == (
        "request turned away",
        "insufficient_quota",
        "two",
    )
    assert {one["process"] for one in lines(log)} == {"web"}
    text = log.read_text()
    assert "canary-51aa" not in text
    assert tenant.key not in text
    assert answers[0].json()["choices"][0]["message"]["content"][:40] not in text


def test_calls_have_no_line_by_themselves(gateway: Gateway, make_tenant: MakeTenant, capfd: Any) -> None:
    headers = {"authorization": f"Bearer {make_tenant().key}"}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    assert httpx2.post(f"{gateway.base_url}/chat/completions", json=body, headers=headers).status_code == 200
    assert "orbit.calls" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_celery_logs_as_all_do(kind: str) -> None:
    code = """
import logging
from orbit.celery import app, say_which
app.log.setup(loglevel="WARNING", redirect_stdouts=True)
say_which("t-1", app.tasks["celery.backend_cleanup"])
logging.getLogger("celery.worker").info("too much")
logging.getLogger("celery.task").warning("from a task")
logging.getLogger("orbit").info("from us")
"""
    argv = [sys.executable, "-c", code, kind]
    # a test before this one may have made its process a web worker
    environ = {name: value for name, value in os.environ.items() if name != "ORBIT_PROCESS"}
    ended = subprocess.run(argv, env=environ, cwd=state.PROJECT, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(one["message"], one["process"], one["task"], one["request_id"]) for one in found] == [
        (message, kind, "celery.backend_cleanup", "t-1") for message in ("from a task", "from us")
    ]


def test_format_is_chosen() -> None:
    code = "import django, logging; django.setup(); logging.getLogger('orbit').warning('hello')"
    environ = {**os.environ, "ORBIT_LOG_FORMAT": "text"}
    argv = [sys.executable, "-c", code]
    ended = subprocess.run(argv, env=environ, cwd=state.PROJECT, capture_output=True, text=True, check=True)
    assert ended.stderr.strip().endswith("WARNING orbit: hello")


RECORD = (
    '{"time":"2026-12-01T00:00:00Z","level":"ERROR","logger":"orbit","message":"it broke","process":"web"}'
)


def test_launcher_keeps_records_and_makes_records_of_other_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = LogBook(tmp_path, Terminal(), as_json=True)
    book.line("web.1", RECORD)
    book.line("web.1", RECORD.replace("ERROR", "INFO"))
    book.line("postgres", "2026-12-01 LOG:  it is ready", store=True)
    book.line("launcher", "web.1 was ended by SIGKILL")
    book.close()
    found = lines(tmp_path / "orbit.log")
    assert [(one["child"], one["process"], one["level"], one["message"]) for one in found] == [
        ("web.1", "web", "ERROR", "it broke"),
        ("web.1", "web", "INFO", "it broke"),
        ("postgres", "postgres", "INFO", "2026-12-01 LOG:  it is ready"),
        ("launcher", "launcher", "INFO", "web.1 was ended by SIGKILL"),
    ]
    [shown] = capsys.readouterr().out.splitlines()
    assert json.loads(shown) == found[0]


def test_last_words_of_a_child_are_readable() -> None:
    assert readable(RECORD) == "ERROR orbit: it broke"
    assert readable("Traceback (most recent call last):") == "Traceback (most recent call last):"
