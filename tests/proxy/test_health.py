"""Which accounts rest, for how long, and what the other workers hear of it. Time is passed in."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

import pytest
from django.conf import settings

from orbit.lib.redis import RedisLink
from proxy.context import Account, Target
from proxy.health import (
    CREDENTIAL_S,
    FIRST_PAUSE_S,
    IN_A_ROW,
    LONGEST_PAUSE_S,
    MONEY_S,
    PROBE_S,
    RATE_PAUSE_S,
    SHARD,
    Health,
    Trouble,
)
from quotas import keys

BREAKING = [Trouble.OVERLOADED, Trouble.SERVER, Trouble.TRANSPORT]


@dataclass
class Clock:
    now: float = field(default_factory=lambda: time.time() + 1e6)  # beyond what a running gateway would drop

    def __call__(self) -> float:
        return self.now


def target(model: str = "m", account: str = "a") -> Target:
    return Target(Account(account, account, "openai", "https://api.example"), model, None)


def rests(health: Health, one: Target, clock: Clock) -> tuple[float, bool]:
    """For how many seconds yet, and whether its breaker is open."""
    until, broken = health.resting(one)
    return round(max(0.0, until - clock.now), 2), broken


def opened(clock: Clock, one: Target, trouble: Trouble = Trouble.SERVER) -> Health:
    health = Health(clock=clock)
    for _ in range(IN_A_ROW):
        health.failed(one, trouble)
    return health


@pytest.mark.parametrize("trouble", BREAKING)
def test_breaker_opens_with_the_fifth_failure_in_a_row(trouble: Trouble) -> None:
    clock, one = Clock(), target()
    health = Health(clock=clock)
    for _ in range(IN_A_ROW - 1):
        health.failed(one, trouble)
    assert health.resting(one) == (0.0, False)
    health.failed(one, trouble)
    assert health.resting(one) == (clock.now + FIRST_PAUSE_S, True)
    assert health.resting(target("other")) == (0.0, False)
    assert health.resting(target(account="b")) == (0.0, False)


def test_success_between_failures_begins_the_row_anew() -> None:
    one, health = target(), Health(clock=Clock())
    for _ in range(3):
        for _ in range(IN_A_ROW - 1):
            health.failed(one, Trouble.SERVER)
        health.worked(one)
    assert health.spotless


def test_after_the_pause_one_call_probes_and_the_others_wait_for_it() -> None:
    clock, one = Clock(), target()
    health = opened(clock, one)
    clock.now += FIRST_PAUSE_S
    assert health.resting(one) == (0.0, False)
    health.begins(one)
    assert health.resting(one) == (clock.now + PROBE_S, True)
    clock.now += PROBE_S  # it never came back: another may find out
    assert health.resting(one) == (0.0, False)


def test_probe_that_works_closes_the_breaker() -> None:
    clock, one = Clock(), target()
    health = opened(clock, one)
    clock.now += FIRST_PAUSE_S
    health.begins(one)
    health.worked(one)
    assert health.resting(one) == (0.0, False)
    assert health.spotless


def test_probes_that_fail_double_the_pause_up_to_a_minute() -> None:
    clock, one = Clock(), target()
    health, pauses = opened(clock, one), []
    for _ in range(5):
        until, broken = health.resting(one)
        assert broken
        pauses.append(until - clock.now)
        clock.now = until
        health.begins(one)
        health.failed(one, Trouble.TRANSPORT)
    assert pauses == [pytest.approx(one) for one in (10.0, 20.0, 40.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S)]


def test_calls_that_were_under_way_when_it_opened_do_not_prolong_the_pause() -> None:
    """A storm fails all at once: a hundred failures of one moment are one reason to wait, not a hundred."""
    clock, one = Clock(), target()
    health = opened(clock, one)
    until, _ = health.resting(one)
    for _ in range(100):
        clock.now += 0.01
        health.failed(one, Trouble.SERVER)
    assert health.resting(one) == (until, True)


@pytest.mark.parametrize(
    ("trouble", "asked", "seconds"),
    [
        (Trouble.RATE_LIMITED, None, RATE_PAUSE_S),
        (Trouble.RATE_LIMITED, 7.5, 7.5),
        (Trouble.RATE_LIMITED, 0.0, 0.0),
        (Trouble.RATE_LIMITED, 86_000.0, LONGEST_PAUSE_S),
        (Trouble.OVERLOADED, 7.5, 7.5),
        (Trouble.OVERLOADED, 86_000.0, LONGEST_PAUSE_S),
        (Trouble.SERVER, None, 0.0),
    ],
)
def test_pause_that_a_provider_asks_for_is_given_and_is_no_open_breaker(
    trouble: Trouble, asked: float | None, seconds: float
) -> None:
    clock, one = Clock(), target()
    health = Health(clock=clock)
    health.failed(one, trouble, asked)
    assert rests(health, one, clock) == (seconds, False)
    clock.now += LONGEST_PAUSE_S
    assert health.resting(one) == (0.0, False)


@pytest.mark.parametrize(
    ("trouble", "seconds"), [(Trouble.CREDENTIAL, CREDENTIAL_S), (Trouble.NO_MONEY, MONEY_S)]
)
def test_account_without_money_or_credential_rests_with_all_its_models(
    trouble: Trouble, seconds: float
) -> None:
    clock = Clock()
    health = Health(clock=clock)
    health.failed(target("one"), trouble)
    for model in ("one", "other"):
        assert health.resting(target(model)) == (clock.now + seconds, False)
    assert health.resting(target("one", "b")) == (0.0, False)
    health.worked(target("other"))
    assert health.spotless


def exchanged(*workers: Health) -> None:
    """Each tells and hears, in turn, through the store."""

    async def run() -> None:
        link = RedisLink(settings.REDIS_URL, 5)
        try:
            for one in workers:
                await one.exchange(link)
        finally:
            link.close()
            await asyncio.sleep(0.05)

    asyncio.run(run())


@pytest.fixture
def account() -> str:
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def cleared(account: str, *models: str) -> None:
    async def run() -> None:
        link = RedisLink(settings.REDIS_URL, 5)
        try:
            members = [
                f"{account}\n{model}\n{broken}" for model in (*models, "") for broken in ("", "broken")
            ]
            await link.call("ZREM", keys.resting(SHARD), *members)
        finally:
            link.close()
            await asyncio.sleep(0.05)

    asyncio.run(run())


def test_what_one_worker_broke_off_the_others_leave_alone_and_probe_once(account: str, clock: Clock) -> None:
    one = target(account=account)
    met, other = opened(clock, one), Health(clock=clock)
    try:
        exchanged(met, other)
        assert rests(other, one, clock) == (FIRST_PAUSE_S, True)
        clock.now += FIRST_PAUSE_S + 0.001
        assert other.resting(one) == (0.0, False)
        other.begins(one)
        assert other.resting(one)[1]  # of what was only heard, too, one call finds out
        other.failed(one, Trouble.SERVER)
        assert other.resting(one)[1]  # and one failure is enough to leave it alone again
        exchanged(other, met)
        assert met.resting(one)[0] == pytest.approx(other.resting(one)[0], abs=0.001)
    finally:
        cleared(account, "m")


def test_what_one_worker_found_well_is_well_for_those_who_only_heard_of_it(
    account: str, clock: Clock
) -> None:
    one = target(account=account)
    met, other = opened(clock, one), Health(clock=clock)
    try:
        exchanged(met, other)
        met.worked(one)
        exchanged(met, other)
        assert met.resting(one) == other.resting(one) == (0.0, False)
    finally:
        cleared(account, "m")


def test_pauses_are_shared_and_end_by_themselves(account: str, clock: Clock) -> None:
    one = target(account=account)
    met, other = Health(clock=clock), Health(clock=clock)
    met.failed(one, Trouble.RATE_LIMITED, 3.0)
    met.failed(one, Trouble.NO_MONEY)
    try:
        exchanged(met, other)
        assert rests(other, target("any", account), clock) == (MONEY_S, False)
        clock.now += MONEY_S + 0.001
        exchanged(other)
        assert other.resting(one) == (0.0, False)
        assert not any(name[0] == account for name in other.shared)
    finally:
        cleared(account, "m")


def test_news_that_could_not_be_told_are_told_later(account: str, clock: Clock) -> None:
    one = target(account=account)
    met, other = opened(clock, one), Health(clock=clock)

    async def away() -> None:
        link = RedisLink("redis://127.0.0.1:9/0", 0.2)
        try:
            await met.exchange(link)
        finally:
            link.close()
            await asyncio.sleep(0.05)

    asyncio.run(away())
    try:
        exchanged(met, other)
        assert other.resting(one)[1]
    finally:
        cleared(account, "m")
