"""A record is one line that tells whom it is about, and no secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any
from uuid import uuid4

import pytest

from orbit.lib import access, logs
from tenants import keys


def record(message: Any, *values: Any, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("orbit.test", logging.WARNING, __file__, 1, message, values, None)
    vars(made).update(more)
    return made


@pytest.fixture(autouse=True)
def at_nothing() -> Iterator[None]:
    """A test before may have taken in a request."""
    token = logs._about.set(None)
    yield
    logs._about.reset(token)


def as_json(*given: Any, **more: Any) -> dict[str, Any]:
    line = logs.JsonFormatter("web").format(record(*given, **more))
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_record_has_time_level_logger_message_and_process() -> None:
    found = as_json("shard %d\nis cold", 7)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found.pop("time"))
    assert found.pop("pid") > 0
    assert found == {
        "level": "WARNING",
        "logger": "orbit.test",
        "message": "shard 7\nis cold",
        "process": "web",
    }


def test_record_is_about_the_request_of_its_context_alone() -> None:
    def at_work() -> dict[str, Any]:
        about = logs.about(request_id := uuid4())
        about.organization_id, about.trace_id = "o-1", b"\x01\xff"
        found = as_json("x")
        assert found["trace_id"] == "01ff"
        assert (found["request_id"], found["organization_id"]) == (str(request_id), "o-1")
        with access.scope(organization_id=uuid4()):
            assert as_json("x")["organization_id"] == "o-1"
        return found

    copy_context().run(at_work)
    assert "request_id" not in as_json("x")


def test_process_is_named_when_it_knows_what_it_is() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter := logs.JsonFormatter("command"))
    logging.getLogger().addHandler(handler)
    try:
        logs.call_process("sinks")
    finally:
        logging.getLogger().removeHandler(handler)
    assert json.loads(formatter.format(record("x")))["process"] == "sinks"


def test_record_within_a_scope_has_its_organization() -> None:
    with access.scope(organization_id=(organization := uuid4())):
        assert as_json("x")["organization_id"] == str(organization)


def test_exception_is_part_of_its_record() -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        found = as_json("it failed", exc_info=sys.exc_info())
    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("ValueError: odd")


@pytest.mark.parametrize(
    "secret",
    [
        keys.new_key(),
        keys.new_key(keys.MANAGEMENT),
        keys.new_key(keys.OPERATOR),
        "sk-proj-Zq8xJ2vK5mW9rT4yB7nC1d",
        "hvs.CAESIJ2vK5mW9rT4yB7nC1d",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
        "postgresql://orbit:kf83hdJ2vK5mW9@db:5432/orbit",
    ],
    ids=["key", "member's", "operator's", "OpenAI", "Vault", "header", "address"],  # keys are drawn
)
def test_what_looks_like_a_secret_is_masked(secret: str) -> None:
    try:
        raise ValueError(f"refused {secret}")
    except ValueError:
        caught = sys.exc_info()
    core = secret[-14:] if "@" not in secret else "kf83hdJ2vK5mW9"
    for formatter in (logs.JsonFormatter("web"), logs.TextFormatter()):
        line = formatter.format(record("given %s", secret, exc_info=caught))
        assert core not in line
        assert line.count("***") == 2


def test_odd_records_are_a_line_all_the_same() -> None:
    assert as_json("half a character: %s", "\ud83d")["message"].startswith("half")
    assert as_json("%d things", "no number")["message"] == "%d things (its values do not fit)"
    assert as_json("x", fields={"model": "gpt", "at": uuid4()})["model"] == "gpt"


def test_text_is_for_people() -> None:
    def at_work() -> str:
        logs.about("r-1")
        return logs.TextFormatter().format(record("call ended", fields={"status": "settled"}))

    line = copy_context().run(at_work)
    assert re.fullmatch(r"[\d-]+ [\d:,]+ WARNING orbit\.test: call ended request=r-1 status=settled", line)
