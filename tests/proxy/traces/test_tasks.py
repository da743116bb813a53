"""A task leaves a span with its name, queue and outcome, below whoever sent it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app

from orbit.launcher.state import PROJECT
from orbit.lib.metrics import Shelf
from orbit.metrics.scrape import COUNTED
from orbit.traces.tasks import TaskSpans
from proxy.traces.tracer import Tracer
from tests.collector import TOKEN, Collector, running_collector
from tests.proxy.traces.conftest import Caller
from tests.proxy.traces.test_handed_on import Kept


@pytest.fixture
def spans() -> tuple[TaskSpans, list[Any]]:
    kept: Any = Kept()
    return TaskSpans(Tracer(kept, 100, outward=False)), kept.spans


def task(**headers: str) -> Any:
    request = {"delivery_info": {"routing_key": "celery"}, **headers}
    held = SimpleNamespace(get=request.get, delivery_info=request["delivery_info"])
    return SimpleNamespace(name="audit.tasks.write_ledger", request=held)


def test_outcomes_and_what_was_raised_by_its_class(spans: tuple[TaskSpans, list[Any]]) -> None:
    process, kept = spans
    for number, (state, retval) in enumerate(
        (("SUCCESS", None), ("RETRY", None), ("FAILURE", ValueError("canary-51c8")))
    ):
        process.begins(str(number), task())
        process.ended(str(number), task(), retval, state)
    assert [one.attributes["orbit.outcome"] for one in kept] == ["success", "retry", "failure"]
    assert [one.error for one in kept] == ["", "", "ValueError"]
    assert "canary-51c8" not in repr(kept)
    assert {one.parent_id for one in kept} == {b""}


def test_what_a_task_sends_stands_below_it(spans: tuple[TaskSpans, list[Any]], caller: Caller) -> None:
    process, kept = spans
    process.begins("one", task(traceparent=caller.header()["traceparent"]))
    sent: dict[str, Any] = {"traceparent": "of the task that is tried again"}
    process.sends(sent)
    process.ended("one", task(), None, "SUCCESS")
    [span] = kept
    assert (span.trace_id.hex(), span.parent_id.hex()) == (caller.trace_id, caller.span_id)
    assert sent["traceparent"] == f"00-{caller.trace_id}-{span.span_id.hex()}-01"
    after: dict[str, Any] = {}
    process.sends(after)
    assert after == {}


def test_task_of_a_trace_that_nobody_keeps_has_no_span(
    spans: tuple[TaskSpans, list[Any]], caller: Caller
) -> None:
    process, kept = spans
    process.begins("one", task(traceparent=caller.header("00")["traceparent"]))
    process.ended("one", task(), None, "SUCCESS")
    assert kept == []


def test_without_a_collector_nothing_is_begun() -> None:
    process = TaskSpans()
    process.begins("one", task())
    process.ended("one", task(), None, "SUCCESS")
    process.close()
    assert process.open == {}


@pytest.fixture
def collector(tmp_path: Any) -> Iterator[Collector]:
    (tmp_path / "collector").mkdir()
    with running_collector(tmp_path / "collector") as running:
        yield running


@pytest.mark.full
def test_worker_sends_spans_of_what_it_runs(collector: Collector, caller: Caller, tmp_path: Any) -> None:
    """A real worker, on a queue of its own."""
    queue = f"traces-{secrets.token_hex(4)}"
    environ = {name: value for name, value in os.environ.items() if name != "ORBIT_PROCESS"} | {
        "ORBIT_TRACES_URL": collector.url,
        "ORBIT_TRACES_HEADERS": f"Authorization={TOKEN}",
        "ORBIT_DATA_DIR": str(tmp_path),
    }
    argv = [sys.executable, "-m", "celery", "-A", "orbit.celery", "worker", "--concurrency", "1", "-Q", queue]
    worker = subprocess.Popen([*argv, "--without-gossip", "--without-mingle", "--without-heartbeat"], cwd=PROJECT, env=environ)  # fmt: skip
    try:
        sent = current_app.send_task(
            "console.tasks.beat", queue=queue, headers={"traceparent": caller.header()["traceparent"]}
        )
        until = time.monotonic() + 120
        while not (found := [one for one in collector.spans() if one["trace_id"] == caller.trace_id]):
            assert time.monotonic() < until, "no span came"
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait(60)
    [span] = found
    assert (span["name"], span["kind"], span["parent_id"]) == ("console.tasks.beat", 5, caller.span_id)
    assert span["attributes"] == {
        "messaging.system": "celery",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue,
        "orbit.request_id": sent.id,
        "orbit.task": "console.tasks.beat",
        "orbit.outcome": "success",
    }
    series, _ = Shelf(tmp_path / "metrics").read(COUNTED)
    assert series["orbit_trace_spans_total"]["exported",] == 1
