"""Background work in turn: what one organization asks for, however much, stands before nobody else's."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from celery import current_app
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis

from orbit.celery import app, call_next, call_next_of_lost, tell_that_it_came
from orbit.lib import line

TASK = "tenants.tasks.make_ledger_export"
app.loader.import_default_modules()  # all tasks
Sent = list[tuple[str, list[Any]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    found: Sent = []

    def send(name: str, arguments: list[Any], queue: str) -> None:
        assert queue == line.QUEUE
        found.append((name, arguments))

    monkeypatch.setattr(current_app, "send_task", send)
    return found


def organization() -> str:
    return f"o-{secrets.token_hex(6)}"


def test_flood_of_one_organization_leaves_the_queue_to_another(sent: Sent) -> None:
    greedy, other = organization(), organization()
    for number in range(200):
        line.join(TASK, greedy, str(number))
    line.join(TASK, other, "mine")
    assert sent == [(TASK, [greedy, "0"]), (TASK, [greedy, "1"]), (TASK, [other, "mine"])]
    assert line.before(TASK, greedy, "101") == 99
    assert line.before(TASK, other, "mine") is None


def test_next_one_comes_when_one_is_done_in_the_order_asked_for(sent: Sent) -> None:
    one = organization()
    for number in range(4):
        line.join(TASK, one, str(number))
    call_next(app.tasks[TASK], [one, "1"], state="SUCCESS")
    call_next(app.tasks[TASK], [one, "0"], state="FAILURE")
    assert [arguments[1] for _, arguments in sent] == ["0", "1", "2", "3"]


def test_one_that_tries_again_has_its_place_still(sent: Sent) -> None:
    one = organization()
    for number in range(3):
        line.join(TASK, one, str(number))
    call_next(app.tasks[TASK], [one, "0"], state="RETRY")
    assert len(sent) == 2


def test_the_same_asked_for_twice_waits_once(sent: Sent) -> None:
    one = organization()
    for name in ("a", "b", "c", "c", "c"):
        line.join(TASK, one, name)
    for name in ("a", "b", "c"):
        line.ended(TASK, [one, name])
    assert [arguments[1] for _, arguments in sent] == ["a", "b", "c"]


def test_one_that_goes_on_with_itself_comes_after_those_that_wait(sent: Sent) -> None:
    one = organization()
    for name in ("a", "b", "c", "a"):
        line.join(TASK, one, name)
    line.ended(TASK, [one, "a"])
    line.ended(TASK, [one, "b"])
    assert [arguments[1] for _, arguments in sent] == ["a", "b", "c", "a"]


def test_what_was_lost_with_its_worker_is_not_waited_for_for_ever(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = organization()
    monkeypatch.setitem(line.TASKS, TASK, -1)  # it should have been done by now
    for name in ("a", "b"):
        line.join(TASK, one, name)
    monkeypatch.setitem(line.TASKS, TASK, 300)
    for name in ("c", "d", "e"):
        line.join(TASK, one, name)
    sent.clear()
    line.call()
    assert sent == []
    assert line.before(TASK, one, "e") == 0


def test_what_does_not_reach_the_queue_takes_no_place(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    one = organization()
    for name in ("a", "b", "c"):
        line.join(TASK, one, name)

    with monkeypatch.context() as queue:
        queue.setattr(current_app, "send_task", away)
        with pytest.raises(OperationalError):
            line.ended(TASK, [one, "a"])
    line.call()
    assert [arguments[1] for _, arguments in sent] == ["a", "b", "c"]


def away(*_: Any, **__: Any) -> None:
    raise OperationalError


def test_job_joined_again_while_it_ran_is_not_lost_with_the_queue(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = organization()
    line.join(TASK, one, "a")
    line.join(TASK, one, "a")
    with monkeypatch.context() as queue:
        queue.setattr(current_app, "send_task", away)
        with pytest.raises(OperationalError):
            line.ended(TASK, [one, "a"])
    line.call()
    assert [arguments[1] for _, arguments in sent] == ["a", "a"]


def test_who_is_told_that_it_is_not_done_has_nothing_in_line(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = organization()
    for name in ("a", "b", "c", "d"):
        line.join(TASK, one, name)
    with monkeypatch.context() as store:
        store.setattr(settings, "ORBIT_JOBS_EACH", 3)  # so that whoever comes next calls another's
        store.setattr(current_app, "send_task", away)
        with pytest.raises(OperationalError):
            line.join(TASK, one, "e")
        with pytest.raises(OperationalError):
            line.join(TASK, one, "d")
    assert line.before(TASK, one, "e") is None
    assert line.before(TASK, one, "d") == 1  # was promised before


@pytest.mark.parametrize("lost", [TimeLimitExceeded(300), WorkerLostError("signal 9")])
def test_place_of_a_job_whose_process_was_killed_is_free_at_once(sent: Sent, lost: Exception) -> None:
    one = organization()
    for name in ("a", "b", "c"):
        line.join(TASK, one, name)
    call_next_of_lost(sender=app.tasks[TASK], args=[one, "a"], exception=ValueError())
    assert len(sent) == 2  # its own process tells of that
    call_next_of_lost(sender=app.tasks[TASK], args=[one, "a"], exception=lost)
    assert [arguments[1] for _, arguments in sent] == ["a", "b", "c"]


def test_job_that_never_came_to_the_queue_is_sent_once_more(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = organization()
    for name in ("begun", "lost"):
        line.join(TASK, one, name)
    tell_that_it_came(task=app.tasks[TASK], args=[one, "begun"])
    sent.clear()
    line.call()
    assert [arguments for _, arguments in sent if arguments[0] == one] == []  # it may be on its way
    monkeypatch.setattr(line, "AGAIN_S", -1)
    with monkeypatch.context() as queue:
        queue.setattr(line, "lengths", lambda _: {line.QUEUE: 1})
        line.call()
    assert [arguments for _, arguments in sent if arguments[0] == one] == []  # it may be in the queue
    monkeypatch.setattr(line, "lengths", lambda _: {line.QUEUE: 0})
    line.call()
    line.call()
    assert [arguments for _, arguments in sent if arguments[0] == one] == [[one, "lost"]]


def test_waiting_tasks_are_counted_by_queue() -> None:
    with Redis.from_url(settings.ORBIT_BROKER_URL) as broker:
        before = line.lengths(broker)
        broker.rpush(f"{line.PREFIX}{line.QUEUE}", "x")
        try:
            after = line.lengths(broker)
        finally:
            broker.lrem(f"{line.PREFIX}{line.QUEUE}", 1, "x")
    assert after[line.QUEUE] - before[line.QUEUE] == 1
    assert after["celery"] == before["celery"]


def test_too_long_a_line_takes_no_more(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    one = organization()
    monkeypatch.setattr(line, "MOST_WAITING", 3)
    for number in range(5):
        line.join(TASK, one, str(number))
    with pytest.raises(line.Full):
        line.join(TASK, one, "5")
    assert len(sent) == 2
    assert line.before(TASK, one, "4") == 2


def test_what_limits_and_ledger_hang_on_is_never_behind_what_organizations_ask_for() -> None:
    queues = {name: app.amqp.router.route({}, name)["queue"].name for name in app.tasks}
    for name in ("audit.tasks.write_ledger", "quotas.tasks.reap", "quotas.tasks.sweep_versions"):
        assert queues[name] == "celery"
    assert {queues[name] for name in line.TASKS} == {line.QUEUE}
    assert {queues[f"orbit.grafana.tasks.{name}"] for name in ("follow", "follow_all")} == {line.QUEUE}
    assert set(app.amqp.queues) == {"celery", line.QUEUE}
