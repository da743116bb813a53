"""The organization's file, made in the background: one may leave the page, and find it there for an hour.

It is kept in the cache, compressed. What is too large for that is for `manage.py export`.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

import yaml
from django.core.cache import cache

from tenants.export import export

KEPT_S = 3600
MOST_BYTES = 32_000_000  # compressed: some million keys
STALE_S = 600  # after which one that began is thought to be lost
State = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Export:
    id: str
    state: State
    begun_at: datetime
    size: int = 0  # compressed

    @property
    def is_under_way(self) -> bool:
        lost = (datetime.now(UTC) - self.begun_at).total_seconds() > STALE_S
        return self.state in ("waiting", "running") and not lost


def begin(organization_id: UUID, person_id: int) -> Export:
    """Notes that one is wanted, for the task to make."""
    made = Export(uuid4().hex, "waiting", datetime.now(UTC))
    _keep(organization_id, person_id, made)
    return made


def found(organization_id: UUID, person_id: int) -> Export | None:
    """The member's own latest."""
    made: Export | None = cache.get(_key(organization_id, person_id))
    return made


def forget(organization_id: UUID, person_id: int) -> None:
    cache.delete(_key(organization_id, person_id))


def content(organization_id: UUID, made: Export) -> bytes | None:
    packed: bytes | None = cache.get(_content_key(organization_id, made.id))
    return None if packed is None else gzip.decompress(packed)


def make(organization_id: UUID, person_id: int, export_id: str) -> State:
    """Does nothing for one that somebody began anew since."""
    made = found(organization_id, person_id)
    if made is None or made.id != export_id or made.state == "done":
        return "failed"
    _keep(organization_id, person_id, Export(made.id, "running", made.begun_at))
    text = yaml.dump(
        export([organization_id]),
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
        allow_unicode=True,
    )
    packed = gzip.compress(text.encode())
    state: State = "done" if len(packed) <= MOST_BYTES else "failed"
    if state == "done":
        cache.set(_content_key(organization_id, export_id), packed, KEPT_S)
    _keep(organization_id, person_id, Export(made.id, state, made.begun_at, len(packed)))
    return state


def _keep(organization_id: UUID, person_id: int, made: Export) -> None:
    cache.set(_key(organization_id, person_id), made, KEPT_S)


def _key(organization_id: UUID, person_id: int) -> str:
    return f"export:{organization_id}:{person_id}"


def _content_key(organization_id: UUID, export_id: str) -> str:
    return f"export:{organization_id}:file:{export_id}"
