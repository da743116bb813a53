"""Whose running calls are looked at again after a renewal of leases, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

from orbit.lib.errors import Code, OrbitError
from proxy.admission import Admission
from proxy.context import KeyRecord, OrganizationSnapshot, Principal, ProjectSnapshot
from proxy.supervisor import Supervisor
from proxy.watch import Watch
from quotas.engine import Renewal
from quotas.limits import Calendar

SHARD = 7
ACME = OrganizationSnapshot("acme", "acme", SHARD, 3, False, "USD", Calendar(), None, {}, {}, {})
KEY = KeyRecord("key", "acme", "app", "main", None, 5, None, False)
PROJECT = ProjectSnapshot("app", "app", None, False)


@dataclass
class Known:
    """Snapshots that answer with what is set here, and count how often they are asked."""

    answer: Principal | OrbitError | None
    asked: list[bytes] = field(default_factory=list)

    async def at_least(self, principal: Principal, *newest: int | None) -> Principal | None:
        self.asked.append(principal.digest)
        if isinstance(self.answer, OrbitError):
            raise self.answer
        return self.answer


@dataclass(frozen=True)
class Call:
    principal: Principal


def principal(version: int = 3, generation: int = 5, *, suspended: bool = False) -> Principal:
    organization = replace(ACME, version=version, suspended=suspended)
    made = Principal(replace(KEY, generation=generation), organization, PROJECT, None)
    made.digest = b"digest"
    return made


def admission() -> Admission:
    return Admission(cast("Any", Call(principal())), cast("Any", None), {}, b"{}")


def newest(version: int | None = 3, generation: int | None = 5) -> Renewal:
    return Renewal([], {"acme": version}, {"key": generation})


async def tell(watch: Watch, admissions: list[Admission], renewal: Renewal) -> None:
    watch.told(SHARD, admissions, renewal)
    await asyncio.gather(*watch.looking.values())
    await asyncio.sleep(0)  # what is done when a task ends


async def test_nothing_is_read_while_nothing_changed() -> None:
    known = Known(None)
    one = admission()
    await tell(Watch(cast("Any", known), Supervisor()), [one], newest())
    assert known.asked == []
    assert one.withdrawn is None


async def test_calls_of_one_key_are_judged_together_and_once_for_each_version() -> None:
    known = Known(principal(version=4))
    watch, some = Watch(cast("Any", known), Supervisor()), [admission(), admission()]
    await tell(watch, some, newest(version=4))
    await tell(watch, some, newest(version=4))
    assert known.asked == [b"digest"]
    await tell(watch, some, newest(version=4, generation=6))
    assert known.asked == [b"digest"] * 2
    assert [one.withdrawn for one in some] == [None, None]


async def test_version_that_nobody_knows_is_read() -> None:
    known = Known(principal())
    await tell(Watch(cast("Any", known), Supervisor()), [admission()], newest(generation=None))
    assert known.asked == [b"digest"]


async def test_database_that_is_away_is_asked_again_at_the_next_renewal() -> None:
    known = Known(OrbitError(Code.AUTH_UNAVAILABLE, "away"))
    watch, one, heard = Watch(cast("Any", known), Supervisor()), admission(), list[OrbitError]()
    one.on_withdrawal(heard.append)
    await tell(watch, [one], newest(version=4))
    assert heard == []
    known.answer = principal(version=4, suspended=True)
    await tell(watch, [one], newest(version=4))
    assert [error.code for error in heard] == [Code.SUSPENDED]


async def test_withdrawn_call_is_told_once_and_looked_at_no_more() -> None:
    known = Known(None)
    watch, one, heard = Watch(cast("Any", known), Supervisor()), admission(), list[OrbitError]()
    one.on_withdrawal(heard.append)
    await tell(watch, [one], newest(generation=6))
    await tell(watch, [one], newest(generation=7))
    assert [error.code for error in heard] == [Code.INVALID_API_KEY]
    assert known.asked == [b"digest"]
    one.on_withdrawal(heard.append)  # who comes late hears of it, too
    assert len(heard) == 2


async def test_call_that_is_settled_hears_of_nothing() -> None:
    known = Known(None)
    one, heard = admission(), list[OrbitError]()
    one.on_withdrawal(heard.append)
    one.end()
    await tell(Watch(cast("Any", known), Supervisor()), [one], newest(generation=6))
    assert heard == []
