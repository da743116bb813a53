"""The ledger's writer dies, or its database does, before any line of Python that a batch takes.

Whatever the line: the next writer has every event in the ledger once, without a gap, in a chain that verifies.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from types import FrameType
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, connections

from audit import chain, ledger
from audit.models import DeadLetter
from orbit.lib import access
from orbit.lib.store import client
from tests.audit.conftest import Feed
from tests.dead_connections import hang_up


class Killed(BaseException):
    """Nothing of ours catches it. What a transaction had done is rolled back, as Postgres does for one whose client died."""


def die() -> None:
    raise Killed


def lose_database() -> None:
    hang_up("ledger")


class Fate:
    """Counts the lines of `audit` that run, and does something before one of them."""

    def __init__(self, line: int, what: Callable[[], None]) -> None:
        self.left, self.what = line, what

    def calls(self, frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        return self.lines if "/audit/" in path and "/tests/" not in path else None

    def lines(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.what()
        return self.lines


def written_until(feed: Feed, line: int, what: Callable[[], None]) -> bool:
    """Whether the batch was over before that line."""
    fate = Fate(line, what)
    sys.settrace(fate.calls)
    try:
        copy_context().run(ledger.write_shard, client(), feed.organization.shard)
    except (Killed, DatabaseError, InterfaceError):
        pass
    finally:
        sys.settrace(None)
        bury()
    return fate.left > 0


def bury() -> None:
    """What goes with a process. Between a block's last line and its end, nothing had come to put things right."""
    gc.enable()
    connection = connections["ledger"]
    connection.in_atomic_block, connection.savepoint_ids = False, []
    with suppress(DatabaseError, InterfaceError):
        connection.close()


def send(feed: Feed) -> list[str]:
    """A call, and one that lapsed and was settled late."""
    settled, lapsed = feed.call(), feed.call(status="lease_expired", usage_source="lease_expired")
    feed.send(settled)
    feed.send(lapsed)
    feed.send({**lapsed, "status": "settled", "output_tokens": 1}, kind="late")
    return [settled["event_id"], lapsed["event_id"], str(ledger.correction_id(lapsed["event_id"]))]


@pytest.mark.parametrize("stride", [149, pytest.param(7, marks=pytest.mark.full)])
@pytest.mark.parametrize("what", [die, lose_database])
def test_any_line_of_a_batch_may_be_the_last(feed: Feed, what: Callable[[], None], stride: int) -> None:
    line, sent, over = 1, [str(row.event_id) for row in feed.rows()], False
    while not over:
        sent += send(feed)
        over = written_until(feed, line, what)
        feed.write()
        assert [str(row.event_id) for row in feed.rows()] == sent, f"before line {line}"
        line += stride
    assert line > 200, "a batch has more lines than that"
    print(f"{line // stride} times")
    before = chain.START
    for number, event in enumerate(feed.exported(), start=1):
        assert (event["seq"], event["prev_hash"]) == (number, before)
        before = chain.link(event)
        assert event["hash"] == before
    with access.operator():
        assert not DeadLetter.objects.filter(about=feed.id).exists()
