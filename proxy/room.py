"""What the organizations share of one worker: calls under way, and bytes of bodies that are held for them.

An organization may have as much as is still free. Alone it gets half of the worker, beside another that takes all it can
a third, and whoever comes next always finds room: nobody has to be told its share, and none is kept from who is alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orbit.lib.errors import Code, OrbitError
from proxy.context import Principal

SOON_S = 1.0  # calls end all the time
SMALL = 16_384  # bytes of a body that are not counted: its place in the worker counts
READERS = 2  # of an organization, of the four threads that a worker reads with


@dataclass(slots=True)
class Share:
    """One thing that there is `most` of, in a worker."""

    most: int
    taken: int = 0
    by: dict[str, int] = field(default_factory=dict)  # organizations that have any

    def take(self, organization_id: str, amount: int = 1) -> bool:
        """Whether it gets that much: what it then has is not more than what is then free."""
        held, taken = self.by.get(organization_id, 0) + amount, self.taken + amount
        if held > self.most - taken:
            return False
        self.by[organization_id] = held
        self.taken = taken
        return True

    def give_back(self, organization_id: str, amount: int = 1) -> None:
        held = self.by[organization_id] - amount
        if held:
            self.by[organization_id] = held
        else:
            del self.by[organization_id]
        self.taken -= amount


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
    def of(cls, calls: int, body_bytes: int) -> Room:
        return cls(Share(calls), Share(body_bytes))

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
