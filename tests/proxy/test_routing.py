"""In which order targets are tried, who comes last, and how often a call is repeated. Time is passed in."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from orbit.lib.errors import Code, OrbitError
from proxy.context import (
    Account,
    EffectivePolicy,
    KeyRecord,
    ModelRoute,
    OrganizationSnapshot,
    Principal,
    ProjectSnapshot,
    Target,
)
from proxy.health import FIRST_PAUSE_S, IN_A_ROW, Health, Trouble
from proxy.routing import FEW, SHARE, WINDOW_S, Budget, planned
from quotas.limits import Calendar
from tenants.secrets import Fixed
from tests.proxy.test_health import Clock

CHAT = "chat/completions"


def target(name: str, weight: int = 1, *, kind: str = "openai", ready: bool = True) -> Target:
    account = Account(name, name, kind, "https://api.example", Fixed(None, ready))
    return Target(account, "m", None, weight=weight)


def principal(*routes: ModelRoute, models: tuple[str, ...] = ("*",)) -> Principal:
    policy = EffectivePolicy("1", (models,), (("*",),), (), None, None, None, (), None)
    organization = OrganizationSnapshot(
        "o", "o", 0, 1, False, "USD", Calendar("UTC"), uuid4(), {}, {}, {one.alias: one for one in routes}
    )
    key = KeyRecord("k", "o", "p", "k", None, 1, None, False)
    return Principal(key, organization, ProjectSnapshot("p", "p", None, False), policy)


def names(route: ModelRoute, *others: ModelRoute, **fields: Any) -> list[str]:
    who = principal(route, *others, models=fields.pop("models", ("*",)))
    plan = planned(
        who, route, fields.pop("endpoint", CHAT), fields.pop("token", ""), fields.pop("health", Health())
    )
    return [f"{stop.alias}/{stop.target.account.name}" for stop in plan]


def broken(clock: Clock, *targets: Target) -> Health:
    health = Health(clock=clock)
    for one in targets:
        for _ in range(IN_A_ROW):
            health.failed(one, Trouble.SERVER)
    return health


def test_calls_are_shared_by_weight_and_weight_nought_comes_last() -> None:
    route = ModelRoute("a", (target("spare", 0), target("small", 1), target("large", 3)))
    plans = [names(route) for _ in range(2000)]
    assert {plan[-1] for plan in plans} == {"a/spare"}
    first = Counter(plan[0] for plan in plans)
    assert 1350 < first["a/large"] < 1650  # 1500 ± 19 is one standard deviation


def test_token_keeps_a_place_and_moves_only_what_its_target_loses() -> None:
    targets = tuple(target(f"t{number}") for number in range(4))
    route, fewer = ModelRoute("a", targets), ModelRoute("a", targets[:-1])
    before = {token: names(route, token=token)[0] for token in map(str, range(1, 400))}
    assert before == {token: names(route, token=token)[0] for token in before}
    after = {token: names(fewer, token=token)[0] for token in before}
    moved = [token for token in before if before[token] != after[token]]
    assert {before[token] for token in moved} == {"a/t3"}
    assert 60 < len(moved) < 140


def test_what_rests_comes_last_the_soonest_rested_first() -> None:
    clock = Clock()
    health = Health(clock=clock)
    one, two, three = target("one"), target("two"), target("three")
    health.failed(one, Trouble.RATE_LIMITED, 30.0)
    health.failed(two, Trouble.RATE_LIMITED, 5.0)
    route = ModelRoute("a", (one, two, three))
    assert names(route, health=health) == ["a/three", "a/two", "a/one"]


def test_alone_and_asked_to_wait_it_is_tried_all_the_same() -> None:
    """A pause that a provider asked for may be over early; only an open breaker refuses."""
    health = Health(clock=Clock())
    health.failed(target("one"), Trouble.RATE_LIMITED, 30.0)
    assert names(ModelRoute("a", (target("one"),)), health=health) == ["a/one"]


def test_with_every_breaker_open_nothing_is_sent_and_the_client_is_told_when() -> None:
    clock = Clock()
    one, two = target("one"), target("two")
    health = broken(clock, one)
    clock.now += 4
    for _ in range(IN_A_ROW):
        health.failed(two, Trouble.TRANSPORT)
    with pytest.raises(OrbitError) as raised:
        names(ModelRoute("a", (one, two)), health=health)
    assert raised.value.code is Code.UPSTREAM_ERROR
    assert raised.value.retry_after_s == pytest.approx(FIRST_PAUSE_S - 4)


def test_broken_target_is_behind_the_fallback() -> None:
    clock, one = Clock(), target("one")
    route = ModelRoute("a", (one,), fallbacks=("b",))
    steady = ModelRoute("b", (target("two"),))
    assert names(route, steady) == ["a/one", "b/two"]
    assert names(route, steady, health=broken(clock, one)) == ["b/two", "a/one"]


@pytest.mark.parametrize(
    "steady",
    [
        ModelRoute("b", (target("two", ready=False),)),
        ModelRoute("b", (target("two", kind="anthropic"),)),
    ],
    ids=["without a credential", "without the endpoint"],
)
def test_fallback_that_cannot_help_is_left_out(steady: ModelRoute) -> None:
    route = ModelRoute("a", (target("one"),), fallbacks=("b", "nowhere"))
    assert names(route, steady, endpoint="embeddings") == ["a/one"]


def test_fallback_that_the_key_may_not_use_is_left_out() -> None:
    route = ModelRoute("a", (target("one"),), fallbacks=("b",))
    assert names(route, ModelRoute("b", (target("two"),)), models=("a",)) == ["a/one"]


def test_target_without_a_credential_is_no_target() -> None:
    route = ModelRoute("a", (target("one", ready=False), target("two")))
    assert names(route) == ["a/two"]
    with pytest.raises(OrbitError) as raised:
        names(ModelRoute("a", route.targets[:1]))
    assert raised.value.code is Code.CREDENTIALS_UNAVAILABLE


def test_repetitions_are_a_share_of_an_accounts_calls_and_a_few() -> None:
    clock = Clock()
    budget = Budget(clock=clock)
    for _ in range(5):
        budget.begins("a")
    assert [budget.repeats("a") for _ in range(5)] == [True] * FEW + [False] * 2
    for _ in range(495):
        budget.begins("a")
    assert sum(budget.repeats("a") for _ in range(500)) == int(500 * SHARE) - FEW
    assert budget.repeats("b")  # another account has its own
    clock.now += WINDOW_S + 1
    assert budget.repeats("a")
