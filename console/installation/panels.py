"""What the operator console shows: panels that register themselves, each with what it found and how good that is.

A later part of the product adds its own by `registry.register(Panel(...))` in its app's `ready`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db import DatabaseError
from redis.exceptions import RedisError

from console.installation.shards import Shard, read_shards

logger = logging.getLogger(__name__)

GOOD, WARN, BAD, NONE = "good", "warn", "bad", ""  # as badges are coloured
_WORSE = (NONE, GOOD, WARN, BAD)


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    figure: str
    state: str = NONE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """`more` is shown on demand."""

    said: str
    facts: tuple[Fact, ...] = ()
    more: tuple[Fact, ...] = ()
    state: str = NONE

    @property
    def worst(self) -> str:
        states = [self.state, *(one.state for one in (*self.facts, *self.more))]
        return max(states, key=_WORSE.index)


class Look:
    """One look at the installation: what several panels read is read once."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    @cached_property
    def shards(self) -> list[Shard]:
        return read_shards(self.now)


@dataclass(frozen=True, slots=True)
class Panel:
    """`permission` is Django's, which operators' roles hold or do not."""

    name: str
    title: str
    permission: str
    read: Callable[[Look], Reading]


@dataclass(frozen=True, slots=True)
class Shown:
    panel: Panel
    reading: Reading


class Registry:
    def __init__(self) -> None:
        self._panels: dict[str, Panel] = {}

    def register(self, panel: Panel) -> None:
        """One of the same name is replaced: a room that says that nothing is there yet, by who moves in."""
        self._panels[panel.name] = panel

    def open_to(self, person: Any) -> list[Panel]:
        return [one for one in self._panels.values() if person.has_perm(one.permission)]


registry = Registry()


def look(panels: Iterable[Panel]) -> list[Shown]:
    """Each panel's reading; one that cannot be had is told of, and takes no other with it."""
    at = Look()
    return [Shown(panel, _read(panel, at)) for panel in panels]


def _read(panel: Panel, at: Look) -> Reading:
    try:
        reading = panel.read(at)
    except (RedisError, OSError) as error:
        logger.warning("panel %s: %s", panel.name, type(error).__name__)
        return Reading("The counting store does not answer.", state=BAD)
    except DatabaseError as error:
        logger.warning("panel %s: %s", panel.name, type(error).__name__)
        return Reading("The database does not answer.", state=BAD)
    return replace(reading, state=reading.worst)


@dataclass
class _Room:
    """A panel of what is not there yet."""

    said: str
    facts: tuple[Fact, ...] = field(default=())

    def __call__(self, at: Look) -> Reading:
        return Reading(self.said, self.facts)


def room(said: str) -> Callable[[Look], Reading]:
    return _Room(said)
