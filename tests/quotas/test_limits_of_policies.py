"""From a policy's document to limits, and which of them must be checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orbit.lib.clock import parse, to_us
from quotas.limits import ANY_USER, NOBODY, Limit, Raised
from quotas.policies import EACH_USER, limits_of, strictest
from tenants.schema import policy_document

NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000


def rule(**fields: Any) -> dict[str, Any]:
    return {"name": "one", "meter": "requests", "per": "day", "limit": 100, **fields}


def made(*rules: dict[str, Any], level: str = "project", **more: str) -> list[Limit]:
    document = policy_document({"limits": list(rules)})
    return limits_of(document, level=level, object_id="p1", object_name="chatbot", **more)


def limit(**fields: Any) -> Limit:
    usual = {"name": "one", "level": "key", "object_id": "k1", "object_name": "a/b", "meter": "requests"}
    fields = {"per": "day", "limit": 100, **usual, **fields}
    return Limit(**{"burst": fields["limit"], **fields})


def test_limit_of_the_object_itself() -> None:
    [found] = made(rule(models=["fast"]))
    assert found == Limit("one", "project", "p1", "chatbot", "requests", "day", 100, 100, ("fast",))


def test_limit_of_each_key_waits_for_a_key() -> None:
    assert made(rule(of="each_key")) == []
    [found] = made(rule(of="each_key"), key_id="k1", key_name="chatbot/web")
    assert (found.level, found.object_id, found.object_name) == ("key", "k1", "chatbot/web")


def test_limit_of_each_end_user_counts_on_users_of_the_object() -> None:
    [found] = made(rule(of="each_end_user"), key_id="k1", key_name="chatbot/web")
    assert (found.level, found.object_id, found.parent) == ("end_user", "p1", "project")
    assert (found.user, found.object_name) == (ANY_USER, EACH_USER)
    ada, bob = found.for_user("ada"), found.for_user("bob")
    assert ada.object_name == "ada"
    assert len({found.counter, ada.counter, bob.counter, made(rule())[0].counter}) == 4
    assert found.for_user(None).counter == found.for_user("").counter == found.for_user(NOBODY).counter


def test_cost_is_counted_in_nano_units() -> None:
    [found] = made(
        rule(meter="cost", limit="2.50", temporary={"limit": "4", "until": "2031-01-01T00:00:00Z"})
    )
    assert (found.limit, found.burst) == (2_500_000_000, 2_500_000_000)
    assert found.raised == Raised(4_000_000_000, 4_000_000_000, to_us(parse("2031-01-01T00:00:00Z")))


def test_burst_of_an_increase_grows_with_it() -> None:
    increase = {"limit": 900, "until": "2031-01-01T00:00:00Z"}
    [own] = made(rule(per="minute", limit=600, burst=61, temporary=increase))
    assert own.raised is not None
    assert own.raised[:2] == (900, 91)
    [usual] = made(rule(per="minute", limit=600, temporary=increase))
    assert usual.raised is not None
    assert usual.raised[:2] == (900, 900)


def test_increase_holds_until_its_moment() -> None:
    raised = limit(raised=Raised(300, 300, NOW))
    assert raised.in_force(NOW - 1) == (300, 300)
    assert raised.in_force(NOW) == (100, 100)
    assert (raised.most(NOW - 1), raised.most(NOW)) == (300, 100)


def test_most_of_a_smooth_limit_is_its_burst() -> None:
    assert limit(per="minute", limit=600, burst=60).most(NOW) == 60


def test_documents_of_older_versions_are_read() -> None:
    old = {"name": "one", "meter": "requests", "per": "day", "limit": 100, "burst": None, "models": None}
    [found] = limits_of({"limits": [old]}, level="key", object_id="k1", object_name="a/b")
    assert found == limit()


def test_smaller_of_two_limits_on_a_counter_is_checked() -> None:
    smaller, larger = limit(limit=10), limit(limit=20, name="two")
    assert strictest([larger, smaller], NOW) == strictest([smaller, larger], NOW) == [smaller]


def test_same_limit_twice_is_checked_once() -> None:
    assert strictest([limit(), limit()], NOW) == [limit()]


def test_smaller_rate_and_smaller_burst_are_both_checked() -> None:
    slow = limit(per="minute", limit=30, burst=30)
    calm = limit(per="minute", limit=60, burst=10)
    found = strictest([slow, calm], NOW)
    assert [(one.limit, one.burst) for one in found] == [(30, 30), (60, 10)]
    assert found[0].counter == slow.counter != found[1].counter


def test_shadow_limit_never_stands_in_for_a_hard_one() -> None:
    trial, hard = limit(limit=10, shadow=True), limit(limit=20)
    assert strictest([trial, hard], NOW) == [trial, hard]
    assert trial.counter != hard.counter


def test_turning_a_shadow_limit_on_counts_on_the_plain_counter() -> None:
    """Which starts with what the ledger has, like that of any new limit."""
    assert replace(limit(shadow=True), shadow=False).counter == limit().counter


def test_increase_of_one_limit_does_not_lift_another_on_the_same_counter() -> None:
    raised, between = limit(raised=Raised(300, 300, NOW + HOUR)), limit(limit=200, name="two")
    found = strictest([raised, between], NOW)
    assert {one.name for one in found} == {"one", "two"}
    assert len({one.counter for one in found}) == 2
    assert [one.name for one in strictest([raised, between], NOW + HOUR)] == ["one"]
    assert [one.name for one in strictest([raised, limit(limit=300, name="two")], NOW)] == ["one"]


limits = st.builds(
    lambda limit_, burst, more, until, shadow: limit(
        per="minute",
        limit=limit_,
        burst=burst,
        shadow=shadow,
        raised=Raised(limit_ + more, burst + more, NOW + until * HOUR) if more else None,
    ),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(-1, 3),
    st.booleans(),
)


@given(st.lists(limits, min_size=1, max_size=5))
def test_what_is_checked_is_as_strict_as_all_of_them(given_: list[Limit]) -> None:
    found = strictest(given_, NOW)
    assert len({one.counter for one in found}) == len(found)
    for moment in range(NOW, NOW + 5 * HOUR, HOUR):
        for one in given_:
            rate, burst = one.in_force(moment)
            rivals = [other.in_force(moment) for other in found if other.shadow == one.shadow]
            assert any(other[0] <= rate and other[1] <= burst for other in rivals)
        assert {one.in_force(moment) for one in found} <= {one.in_force(moment) for one in given_}
