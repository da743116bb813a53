"""Organizations on several shards, and a sink of each kind to send their events to."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.sinks import book
from tenants.services import create_organization
from tests.audit.conftest import Feed
from tests.audit.sinks.harness import Harness
from tests.audit.sinks.harnesses import HARNESSES


class Feeds:
    """Events of three organizations in turn."""

    def __init__(self) -> None:
        self.feeds = [
            Feed(create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test")) for _ in range(3)
        ]
        for feed in self.feeds:
            feed.write()
        self.sent: list[dict[str, Any]] = []

    def send(self, count: int, **more: Any) -> list[dict[str, Any]]:
        """That many calls, in the ledger when this returns."""
        sent = []
        for number in range(count):
            feed = self.feeds[number % len(self.feeds)]
            event = feed.call(**more)
            feed.send(event)
            sent.append(event)
        for feed in self.feeds:
            feed.write()
        self.sent += sent
        return sent

    @property
    def slugs(self) -> list[str]:
        return [feed.organization.slug for feed in self.feeds]

    @property
    def ids(self) -> list[str]:
        return [event["event_id"] for event in self.sent]


@pytest.fixture
def feeds() -> Feeds:
    return Feeds()


@pytest.fixture(params=sorted(HARNESSES))
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    """Up, as one of every kind."""
    made = HARNESSES[request.param](tmp_path)
    made.up()
    yield made
    made.down()


@pytest.fixture(autouse=True)
def _no_sinks_are_left() -> Iterator[None]:
    yield
    book.keep([], actor="test")
