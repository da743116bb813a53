"""What the organizations share of one worker: calls under way, and bytes of bodies that are held for them.

An organization may have as much as is still free: beside another that takes all it can a third, and whoever comes next
always finds room. Where nobody else was there for a minute, one may have all but a small part that is kept for who comes
next. Nobody has to be told its share.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from orbit.lib.errors import Code, OrbitError
from proxy.context import Principal

SOON_S = 1.0  # calls end all the time
ALONE_S = 60.0  # without another organization, after which one counts as alone
KEPT = 16  # the part of all that who is alone leaves
SMALL = 16_384  # bytes of a body that are not counted: its place in the worker counts
READERS = 2  # of an organization, of the four threads that a worker reads with


@dataclass(slots=True)
class Share:
    """One thing that there is `most` of, in a worker."""

    most: int
    alone: int = 0  # what who is alone may have, where that is more than half
    taken: int = 0
    by: dict[str, int] = field(default_factory=dict)  # organizations that have any
    latest: str | None = ""  # who came last, "" before anybody did; None where others were there since
    crowded: float = float("-inf")  # when there last was another one

    def take(self, organization_id: str, amount: int = 1) -> bool:
        """Whether it gets that much: what it then has is not more than what is then free, or it is alone."""
        held, taken = self.by.get(organization_id, 0) + amount, self.taken + amount
        if held > self.most - taken and not self._is_alone(organization_id, held, taken):
            return False
        if organization_id != self.latest and held == amount:
            if self.latest != "":
                self.crowded = monotonic()
            self.latest = organization_id
        self.by[organization_id] = held
        self.taken = taken
        return True

    def _is_alone(self, organization_id: str, held: int, taken: int) -> bool:
        """Whether nobody else has any, nor had lately, and enough is left for who comes next."""
        return (
            held == taken <= self.alone
            and organization_id in self.by
            and monotonic() - self.crowded > ALONE_S
        )

    def give_back(self, organization_id: str, amount: int = 1) -> None:
        held = self.by[organization_id] - amount
        self.taken -= amount
        if held:
            self.by[organization_id] = held
            return
        del self.by[organization_id]
        if self.taken:  # others were there until now, and stay
            self.latest, self.crowded = None, monotonic()


@dataclass(slots=True)
class Lane:
    """Those of an organization that are at something which few may be at together."""

    places: asyncio.Semaphore
    there: int = 0


@dataclass(slots=True)
class Room:
    calls: Share
    body_bytes: Share
    readers: dict[str, Lane] = field(default_factory=dict)  # of the database, by organization

    @classmethod
    def of(cls, calls: int, body_bytes: int, largest: int) -> Room:
        """What is kept for who comes next is twice what it takes: as much must be free as it then has."""
        return cls(
            Share(calls, calls - max(calls // KEPT, 2)),
            Share(body_bytes, body_bytes - max(body_bytes // KEPT, 2 * largest)),
        )

    def enter(self, organization_id: str) -> None:
        """One more call. OVERLOADED when the organization has its part of the worker."""
        if not self.calls.take(organization_id):
            held = self.calls.by.get(organization_id, 0)
            raise OrbitError(
                Code.OVERLOADED,
                f"Your organization has {held} requests under way in this worker, and there is no room for more of "
                "them beside those of others. Try again when some have ended.",
                retry_after_s=SOON_S,
            )

    def hold(self, organization_id: str, size: int) -> None:
        """So many bytes of a body. OVERLOADED as above."""
        if not self.body_bytes.take(organization_id, size):
            raise OrbitError(
                Code.OVERLOADED,
                "The bodies of your organization's requests that are under way are as large as this worker has room for. "
                "Try again when some have ended, or send smaller ones.",
                retry_after_s=SOON_S,
            )

    @asynccontextmanager
    async def reading(self, organization_id: str) -> AsyncIterator[None]:
        """An organization's own reads wait for each other, so that its questions leave the few threads to others' keys."""
        lane = self.readers.get(organization_id)
        if lane is None:
            lane = self.readers[organization_id] = Lane(asyncio.Semaphore(READERS))
        lane.there += 1
        try:
            async with lane.places:
                yield
        finally:
            lane.there -= 1
            if not lane.there:
                del self.readers[organization_id]


@dataclass(slots=True)
class Seat:
    """What one request has taken of the room."""

    room: Room
    principal: Principal | None = None
    taken: bool = False
    size: int = 0

    def take(self, principal: Principal) -> None:
        """OVERLOADED when there is none."""
        self.principal = principal
        self.room.enter(principal.organization.id)
        self.taken = True

    def hold(self, size: int) -> None:
        """So many bytes of its body in all. OVERLOADED when there is no room for them."""
        if size > SMALL and size > self.size and self.principal is not None:
            self.room.hold(self.principal.organization.id, size - self.size)
            self.size = size

    def leave(self) -> None:
        if not self.taken or self.principal is None:
            return
        organization_id, self.taken = self.principal.organization.id, False
        self.room.calls.give_back(organization_id)
        if self.size:
            self.room.body_bytes.give_back(organization_id, self.size)
