"""The Celery application: ledger writer, reaper, sweeps. Tasks take ids and may safely run twice."""

from __future__ import annotations

import logging.config
import os
import sys
from typing import Any

from celery import Celery
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.schedules import crontab
from celery.signals import beat_init, setup_logging, task_failure, task_postrun, task_prerun, worker_init
from django.conf import settings
from django.db import close_old_connections, connections
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orbit.lib import line, logs
from orbit.metrics.tasks import TaskMeasures

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
for _kind in ("worker", "beat"):
    if _kind in sys.argv[1:]:  # of Celery's own command, which says so nowhere else this early
        os.environ.setdefault("ORBIT_PROCESS", _kind)

app = Celery("orbit", amqp="orbit.broker:Amqp")
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_time_limit=300,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # for ever: Celery's hundred are over after three minutes
    broker_transport_options={
        "visibility_timeout": 900,
        "global_keyprefix": line.PREFIX,
        # A broker that takes connections and does not answer holds nobody longer. The worker's own read blocks for 1 s.
        "socket_connect_timeout": 5,
        "socket_timeout": 5,
    },
    timezone="UTC",
    worker_hijack_root_logger=False,
    # The first is what limits, ledger and money hang on, and has workers of its own (docs/isolation.md). A worker that is told
    # of no queue takes from both.
    task_queues=[Queue(one) for one in line.QUEUES],
    task_default_queue="celery",
    task_routes=[
        {"console.tasks.beat": "celery"},
        {
            "billing.tasks.*": line.QUEUE,
            "console.tasks.*": line.QUEUE,
            "orbit.grafana.tasks.*": line.QUEUE,
            "tenants.tasks.*": line.QUEUE,
        },
    ],
    # An entry that could not start within its own period is worthless: the next one does its work.
    beat_schedule={
        "write the ledger": {"task": "audit.tasks.write_ledger", "schedule": 1.0, "options": {"expires": 5}},
        "settle lapsed leases": {"task": "quotas.tasks.reap", "schedule": 2.0, "options": {"expires": 5}},
        "let windows count adjustments": {
            "task": "quotas.tasks.take_in_adjustments",
            "schedule": 2.0,
            "options": {"expires": 5},
        },
        "call what waits in line": {
            "task": "orbit.tasks.call_next",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
        "collect refusals": {
            "task": "quotas.tasks.collect_refusals",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "settle what dead workers left": {
            "task": "quotas.tasks.sweep_journals",
            "schedule": 10.0,
            "options": {"expires": 20},
        },
        "open shards": {
            "task": "quotas.tasks.open_shards",
            "schedule": 10.0,
            "options": {"expires": 20},
        },
        "publish versions": {
            "task": "quotas.tasks.sweep_versions",
            "schedule": 1.0,
            "options": {"expires": 5},
        },
        "price new models": {
            "task": "quotas.tasks.price_new_models",
            "schedule": 2.0,
            "options": {"expires": 5},
        },
        "show signs of life": {
            "task": "console.tasks.beat",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "show signs of life of jobs": {
            "task": "console.tasks.beat",
            "schedule": 5.0,
            "options": {"expires": 5, "queue": line.QUEUE},
        },
        "make partitions": {
            "task": "audit.tasks.make_partitions",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "sign a checkpoint": {
            "task": "audit.tasks.sign_checkpoint",
            "schedule": 300.0,
            "options": {"expires": 290},
        },
        "watch the ledger": {
            "task": "audit.tasks.watch_ledger",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
        "drop partitions": {
            "task": "audit.tasks.drop_partitions",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "tell of due rotations": {
            "task": "tenants.tasks.tell_due_rotations",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "end requests": {
            "task": "tenants.tasks.end_requests",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "forget expired objects": {
            "task": "tenants.tasks.forget_expired_objects",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "forget answers": {
            "task": "tenants.tasks.forget_answers",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "forget provider sessions": {
            "task": "tenants.tasks.forget_provider_sessions",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "forget expired tokens": {
            "task": "tenants.tasks.forget_expired_tokens",
            "schedule": 600.0,
            "options": {"expires": 300},
        },
        "forget stored contents": {
            "task": "tenants.tasks.forget_contents",
            "schedule": 60.0,
            "options": {"expires": 50},
        },
        "tend files of the ledger": {
            "task": "tenants.tasks.tend_ledger_exports",
            "schedule": 60.0,
            "options": {"expires": 50},
        },
        "renew data keys": {
            "task": "tenants.tasks.renew_data_keys",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "reconcile with providers' bills": {
            "task": "billing.tasks.reconcile_nightly",
            "schedule": crontab(hour="4", minute="10"),
            "options": {"expires": 7200},
        },
        "send waiting reconciliations": {
            "task": "billing.tasks.sweep_runs",
            "schedule": 120.0,
            "options": {"expires": 100},
        },
        "mail alarms of bills": {
            "task": "console.tasks.sweep_bill_mails",
            "schedule": 600.0,
            "options": {"expires": 500},
        },
        "learn paddings": {
            "task": "billing.tasks.learn_paddings",
            "schedule": crontab(hour="6", minute="40"),
            "options": {"expires": 7200},
        },
        "forget providers' reports": {
            "task": "billing.tasks.forget_reports",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "watch budgets": {
            "task": "billing.tasks.watch_budgets",
            "schedule": 60.0,
            "options": {"expires": 55},
        },
        "send notices": {
            "task": "billing.tasks.send_notices",
            "schedule": 20.0,
            "options": {"expires": 20},
        },
        "mail reports": {
            "task": "billing.tasks.send_reports",
            "schedule": 300.0,
            "options": {"expires": 290},
        },
        "keep folders in Grafana": {
            "task": "orbit.grafana.tasks.follow_all",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "purge deleted organizations": {
            "task": "tenants.tasks.purge_organizations",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
    },
)
# Connections go back to the process's pool before each task; Celery's own way would close the pool each time.
app.conf.db_reuse_max = 10**9
task_prerun.connect(lambda **_: close_old_connections(), weak=False)


@setup_logging.connect(weak=False)
def log_as_all_do(**_: Any) -> None:
    """In place of Celery's own formats; its `--loglevel` then says nothing, ORBIT_LOG_LEVEL does."""
    logging.config.dictConfig(settings.LOGGING)


@task_prerun.connect(weak=False)
def say_which(task_id: str, task: Any, **_: Any) -> None:
    logs.about(task_id, task=task.name)


@task_prerun.connect(weak=False)
def tell_that_it_came(task: Any, args: Any, **_: Any) -> None:
    if task.name in line.TASKS:
        try:
            line.begun(task.name, args)
        except RedisError as error:
            logger.warning("a job may be sent once more: %s", type(error).__name__)


@task_failure.connect(weak=False)
def call_next_of_lost(sender: Any, args: Any, exception: BaseException, **_: Any) -> None:
    """A process that was killed, for its time or its memory, tells nothing itself: the worker above it does."""
    if isinstance(exception, TimeLimitExceeded | WorkerLostError):
        call_next(task=sender, args=args)


@task_postrun.connect(weak=False)
def call_next(task: Any, args: Any, state: str | None = None, **_: Any) -> None:
    """What an organization asked for is done, so its next may come. One that tries again has its place still."""
    if task.name in line.TASKS and state != "RETRY":
        try:
            line.ended(task.name, args)
        except (OperationalError, RedisError) as error:
            logger.warning("the line waits for its next look: %s", type(error).__name__)


@task_postrun.connect(weak=False)
def say_none(**_: Any) -> None:
    logs.about()


TaskMeasures().connect()  # after the above: a span says in the records which trace it is of


@worker_init.connect(weak=False)
@beat_init.connect(weak=False)
def refuse_unsafe(**_: Any) -> None:
    """The task worker and the scheduler refuse what the web workers refuse."""
    from orbit import startup  # needs the apps, which Celery loads after this module

    found = startup.examined()
    for connection in connections.all():  # the task processes that come next must not share this one's
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
    if found.problems:
        raise SystemExit(" ".join(found.problems))
    for one in found.warnings:
        logger.warning("%s", one)


app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
