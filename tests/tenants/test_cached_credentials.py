"""What the data plane holds of a credential in another store: until when, who waits, and what an outage does."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future

import pytest
from pytest_django import Settings

from tenants.models import Organization, ProviderAccount
from tenants.secrets import Cache, Secret, cached
from tenants.secrets.cached import Cached, Line, Times
from tenants.secrets.secret import CannotRead, Down, Gone
from tenants.secrets.stores import Stores
from tests.tenants.conftest import SECRET

REF = "vault://secret/orbit/a/openai#api_key"


class Shelf(Stores):
    """A store of one secret, which may be away, or silent until it is let go."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.value = value
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.reads = 0

    def read(self, ref: str) -> Secret:
        self.reads += 1
        self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return Secret(self.value)


class Clock:
    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cached, "time", clock)
    return clock


@pytest.fixture
def shelf() -> Shelf:
    return Shelf("sk-1")


@pytest.fixture
async def credential(shelf: Shelf, clock: Clock) -> AsyncIterator[Cached]:
    line = Line("vault", shelf)
    yield Cached(REF, line, Times(refresh_s=60, keep_s=3600))
    shelf.gate.set()
    line.close()


async def value(credential: Cached) -> str | None:
    """As a call would have it that waits where it has to."""
    task = credential.begin()
    if task is not None:
        await task
    return credential.secret.reveal() if credential.secret is not None else None


async def settled(credential: Cached) -> None:
    """Whatever was begun beside the calls."""
    if credential._task is not None:
        await credential._task


async def test_first_call_waits_and_the_next_does_not(credential: Cached, shelf: Shelf) -> None:
    assert not credential.ready
    assert await value(credential) == "sk-1"
    assert credential.begin() is None
    assert shelf.reads == 1


async def test_all_who_come_at_once_share_one_read(credential: Cached, shelf: Shelf) -> None:
    assert await asyncio.gather(*(value(credential) for _ in range(20))) == ["sk-1"] * 20
    assert shelf.reads == 1


async def test_rotated_value_replaces_the_old_one_beside_the_calls(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    await value(credential)
    shelf.value = "sk-2"
    clock.now += 61
    shelf.gate.clear()
    assert await value(credential) == "sk-1"  # nobody waits
    shelf.gate.set()
    await settled(credential)
    assert await value(credential) == "sk-2"


async def test_after_a_pause_the_value_is_read_before_it_is_used(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    await value(credential)
    shelf.value = "sk-2"
    clock.now += 200
    assert await value(credential) == "sk-2"


async def test_store_that_hangs_holds_up_no_call_that_has_a_value(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    await value(credential)
    shelf.gate.clear()
    for _ in range(3):
        clock.now += 61
        assert credential.begin() is None
    assert credential.ready


async def test_store_that_is_down_leaves_the_last_value_in_use_and_says_so_once(
    credential: Cached, shelf: Shelf, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await value(credential)
    shelf.error = Down("Vault is sealed or not yet ready")
    for _ in range(20):
        clock.now += 61
        assert await value(credential) == "sk-1"
        await settled(credential)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert REF in caplog.text
    assert "sealed" in caplog.text
    shelf.error, shelf.value = None, "sk-2"
    clock.now += 6
    await value(credential)
    await settled(credential)
    assert await value(credential) == "sk-2"
    assert "can be read again" in caplog.text
    assert "sk-" not in caplog.text


async def test_value_is_forgotten_when_its_time_is_over(shelf: Shelf) -> None:
    line = Line("vault", shelf)
    short = Cached(REF, line, Times(refresh_s=60, keep_s=0.05))
    assert await value(short) == "sk-1"
    await asyncio.sleep(0.1)
    assert (short.secret, short.ready) == (None, False)
    line.close()


async def test_while_nothing_can_be_had_no_call_waits_between_two_tries(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    shelf.error = Down("Vault is not reachable (ConnectError)")
    assert await value(credential) is None
    for _ in range(10):
        assert credential.begin() is None
    assert shelf.reads == 1
    clock.now += 6
    shelf.error = None
    assert await value(credential) == "sk-1"


async def test_secret_that_is_gone_is_not_used_any_longer(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    await value(credential)
    shelf.error = Gone("Vault has no such secret")
    clock.now += 61
    await value(credential)
    await settled(credential)
    assert not credential.ready


async def test_refusal_keeps_the_value_since_it_may_be_our_own_login(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    await value(credential)
    shelf.error = CannotRead("Vault refuses our login")
    clock.now += 61
    await value(credential)
    await settled(credential)
    assert credential.ready


async def test_fault_of_a_library_is_an_outage_and_its_words_are_not_repeated(
    credential: Cached, shelf: Shelf, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await value(credential)
    shelf.error = RuntimeError(f"cannot parse {SECRET}")
    clock.now += 61
    await value(credential)
    await settled(credential)
    assert await value(credential) == "sk-1"
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


async def test_value_that_a_provider_refuses_is_read_again_before_the_next_call(
    credential: Cached, shelf: Shelf, clock: Clock
) -> None:
    await value(credential)
    shelf.value = "sk-2"
    credential.doubt()  # too young: a provider that refuses all keys must not have us ask all the time
    assert await value(credential) == "sk-1"
    clock.now += 6
    credential.doubt()
    assert await value(credential) == "sk-2"


async def test_silent_store_holds_up_no_other(clock: Clock) -> None:
    silent, other = Shelf("sk-1"), Shelf("sk-2")
    silent.gate.clear()
    lines = [Line("vault", silent), Line("aws-sm", other)]
    waiting = [Cached(f"{REF}{number}", lines[0], Times(60, 3600)) for number in range(20)]
    for one in waiting:
        assert one.begin() is not None
    async with asyncio.timeout(1):
        assert await value(Cached("aws-sm://x", lines[1], Times(60, 3600))) == "sk-2"
    silent.error = Down("Vault is not reachable (ReadTimeout)")
    silent.gate.set()
    for one in waiting:
        await settled(one)
    assert silent.reads <= cached.THREADS  # the rest did not ask what had just failed
    for line in lines:
        line.close()


def account(organization: Organization, ref: str) -> ProviderAccount:
    return ProviderAccount(organization_id=organization.id, name="main", kind="openai", credential_ref=ref)


def test_each_organization_has_its_own_and_a_reload_keeps_it(
    organization: Organization, other: Organization, settings: Settings
) -> None:
    cache = Cache()
    mine = cache.of(account(organization, REF))
    assert cache.of(account(organization, REF)) is mine
    assert cache.of(account(other, REF)) is not mine
    assert cache.of(account(organization, f"{REF}2")) is not mine
    cache.close()


def test_snapshots_of_several_threads_share_it(organization: Organization) -> None:
    cache = Cache()
    found: list[Future[object]] = [Future() for _ in range(8)]
    threads: list[Callable[[], None]] = [
        lambda one=one: one.set_result(cache.of(account(organization, REF)))  # type: ignore[misc]
        for one in found
    ]
    for thread in [threading.Thread(target=one) for one in threads]:
        thread.start()
    assert len({id(one.result(5)) for one in found}) == 1
    cache.close()
