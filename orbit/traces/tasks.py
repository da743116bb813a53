"""One span for each task that a Celery process runs: its name, queue and outcome, below whoever sent it."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from celery import signals

from orbit.lib import logs
from orbit.lib.traces import Span, SpanKind
from orbit.lib.traces.span import Value
from orbit.traces import under
from proxy.traces.trace import Trace

if TYPE_CHECKING:
    from proxy.traces.tracer import Tracer

CLOSE_S = 3.0  # for spans that wait, when the process stops
OUTCOMES = {"SUCCESS": "success", "FAILURE": "failure", "RETRY": "retry"}


@dataclass
class TaskSpans:
    """Of one process: the worker forks before it works, so the thread that sends spans begins afterwards."""

    tracer: Tracer | None = None
    open: dict[str, tuple[Trace, Token[Trace | None]]] = field(default_factory=dict)  # by the task's id

    def connect(self) -> None:
        signals.before_task_publish.connect(self.sends, weak=False)
        signals.worker_process_init.connect(self.enter, weak=False)
        signals.task_prerun.connect(self.begins, weak=False)
        signals.task_postrun.connect(self.ended, weak=False)
        signals.worker_process_shutdown.connect(self.close, weak=False)

    def sends(self, headers: MutableMapping[str, Any] | None = None, **_: Any) -> None:
        if headers is not None:
            under.handed_on(headers)

    def enter(self, **_: Any) -> None:
        from proxy.traces import link  # needs the apps, which Celery loads after this module

        self.tracer = link.started()

    def begins(self, task_id: str, task: Any, **_: Any) -> None:
        if self.tracer is None:
            return
        sent = task.request.get(under.HEADER)
        trace = self.tracer.begin({b"traceparent": sent.encode()} if isinstance(sent, str) else {})
        if trace is not None and trace.sampled:
            self.open[task_id] = (trace, under.enter(trace))
            logs.traced(trace.trace_id)

    def ended(self, task_id: str, task: Any, retval: Any = None, state: str | None = None, **_: Any) -> None:
        opened = self.open.pop(task_id, None)
        if opened is None or self.tracer is None:
            return
        trace, token = opened
        under.leave(token)
        self.tracer.exporter.put([_span(trace, task_id, task, retval, state)])

    def close(self, **_: Any) -> None:
        if self.tracer is not None:
            self.tracer.exporter.close(CLOSE_S)


def _span(trace: Trace, task_id: str, task: Any, retval: Any, state: str | None) -> Span:
    """Of an exception its class: what it says may be anything."""
    outcome = OUTCOMES.get(state or "", "failure")
    failed = type(retval).__name__ if outcome == "failure" else ""
    found: dict[str, Value] = {
        "messaging.system": "celery",
        "messaging.operation.type": "process",
        "messaging.destination.name": str((task.request.delivery_info or {}).get("routing_key") or ""),
        "orbit.request_id": task_id,
        "orbit.task": task.name,
        "orbit.outcome": outcome,
    }
    return Span(
        task.name,
        SpanKind.CONSUMER,
        trace.trace_id,
        trace.span_id,
        trace.parent_id,
        trace.start_ns,
        trace.now(),
        {**found, "error.type": failed} if failed else found,
        error=failed,
    )
