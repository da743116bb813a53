"""Many callers at a limit, four workers, a store that is not next door."""

import random
from http.client import HTTPConnection

import orjson
import pytest

from faults import stampedes
from faults.clients import chat
from faults.stage import Stage, asks, tally

pytestmark = pytest.mark.xdist_group("faults")


def test_exactly_the_limit_reaches_the_provider(far_store: Stage) -> None:
    found = stampedes.requests(far_store, random.Random(1))
    assert found.wrongs == []
    assert (found.figures["over"], found.figures["under"]) == (0, 0)


@pytest.mark.full
def test_spent_and_held_tokens_are_never_over_the_limit(far_store: Stage) -> None:
    found = stampedes.tokens(far_store, random.Random(1))
    assert found.wrongs == []
    assert (found.figures["over"], found.figures["looks"] != 0) == (0, True)


@pytest.mark.full
def test_spent_and_held_cost_is_never_over_the_budget(far_store: Stage) -> None:
    found = stampedes.budget(far_store, random.Random(1))
    assert found.wrongs == []
    assert (found.figures["over"], found.figures["looks"] != 0) == (0, True)


def test_slots_are_shared_by_all_workers(far_store: Stage) -> None:
    limit = {"name": "inflight", "meter": "concurrency", "limit": 10}
    tenant = far_store.tenant([limit])
    # every worker has its counters, should it have some of its own
    far_store.crowd(asks(tenant, 40, lambda _: chat("tokens=1", max_tokens=9)), barrier=True).run()
    far_store.begin()
    calls = asks(tenant, 100, lambda _: chat("tokens=2 first_ms=500", max_tokens=9))
    seen = far_store.crowd(calls, barrier=True).run()
    assert tally(seen) == {"200": 10, "429 rate_limited": 90}
    assert far_store.provider.summary()["peak_parallel"] == 10


@pytest.mark.full
def test_clients_are_shown_what_the_books_say(far_store: Stage) -> None:
    tenant = far_store.tenant(
        [
            {"name": "daily", "meter": "requests", "per": "day", "limit": 20},
            {"name": "budget", "meter": "cost", "per": "month", "limit": "100.00"},
            {"name": "inflight", "meter": "concurrency", "limit": 200},
        ]
    )
    far_store.crowd(asks(tenant, 40, lambda _: chat("tokens=7", max_tokens=9)), barrier=True).run()
    connection = HTTPConnection("127.0.0.1", far_store.gateway.port, timeout=30)
    connection.request("GET", "/v1/orbit/limits", headers={"authorization": f"Bearer {tenant.key}"})
    shown = orjson.loads(connection.getresponse().read())["data"]
    connection.close()
    books = far_store.read(tenant)
    figures = {one["meter"]: (one["spent"], one["held"], one["held_calls"]) for one in shown}
    assert figures["requests"] == (20, 0, 0)
    assert figures["cost"] == (books.truth("cost"), 0, 0)
    assert figures["concurrency"][1] == 0
