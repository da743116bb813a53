"""The demo's past: written once, by the ledger's own way, and it adds up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db.models import Sum

from audit import chain
from audit.events import COLUMNS, exported
from orbit.demo import colleagues, history, traffic
from orbit.lib import access
from quotas.models import DirtyBucket, UsageBucket
from quotas.rollups import SUMS
from quotas.status import organization_limits
from tenants.models import ApiKey, Membership, Organization, PolicyRequest
from tests.demo.made import Demo, made_demo

PROVIDER = "http://127.0.0.1:8090/v1"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, database: None) -> Iterator[Demo]:
    with made_demo(PROVIDER, tmp_path_factory.mktemp("data")) as made:
        yield made


def test_the_past_is_sixty_days_long_and_of_every_kind(demo: Demo) -> None:
    events = demo.events()
    calls = [one for one in events if one.kind == "call"]
    assert demo.written > 1500
    assert min(one.admitted_at for one in calls) < datetime.now(UTC) - timedelta(days=59)
    assert max(one.admitted_at for one in calls) < datetime.now(UTC)
    assert {one.kind for one in events} == {"call", "refusal", "act", "correction"} - (
        set() if any(one.status == "lease_expired" for one in calls) else {"correction"}
    )
    assert {"settled", "provider_failed", "client_gone"} <= {one.status for one in calls}
    assert {one.project for one in calls} == {"chatbot", "search", "research"}
    assert len({one.model for one in calls}) >= 6
    fallen_back = [one for one in calls if one.detail.get("requested_model") == "assistant"]
    assert all(len(one.detail["attempts"]) == 2 for one in fallen_back)
    assert all(one.cost_nano is not None and one.price_version for one in calls)


def test_the_chain_verifies_and_the_rollups_say_what_the_ledger_says(demo: Demo) -> None:
    before = chain.START
    for number, one in enumerate(demo.events(), 1):
        told = exported({name: getattr(one, name) for name in COLUMNS})
        assert (told["seq"], told["prev_hash"], told["hash"]) == (number, before, chain.link(told))
        before = told["hash"]
    with access.operator():
        assert not DirtyBucket.objects.filter(organization_id=demo.id).exists()
        rows = UsageBucket.objects.filter(organization_id=demo.id)
        told = rows.aggregate(**{name: Sum(name) for name in SUMS})
    calls = demo.events(kind="call")
    later = demo.events(kind="correction")
    assert told["requests"] == len(calls)
    assert told["cost_nano"] == sum(one.cost_nano or 0 for one in [*calls, *later])
    assert told["refused"] == sum(one.count or 0 for one in demo.events(kind="refusal"))


def test_counters_begin_with_what_was_spent(demo: Demo) -> None:
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with access.scope(organization_id=demo.id):
        found = {(one.level, one.name): one for one in organization_limits(demo.id)}
    spent = sum(
        one.cost_nano or 0
        for one in demo.events(kind__in=["call", "correction"], admitted_at__gte=month, project="research")
    )
    budget = found["project", "budget"]
    assert budget.spent == spent
    over = budget.limit - spent / history.SPENT_SHARE  # budgets are round, which shows where little is spent
    assert spent == 0 or budget.limit == history.LEAST_BUDGET or -1 <= over <= history.STEP
    assert found["organization", "budget"].spent >= spent


def test_no_page_is_empty(demo: Demo) -> None:
    with access.scope(organization_id=demo.id):
        roles = set(Membership.objects.values_list("role", flat=True))
        held = ApiKey.objects.exclude(suspended_at=None).get()
        own = ApiKey.objects.exclude(person=None).select_related("person").get()
        asked = PolicyRequest.objects.get()
    assert roles == {"owner", "admin", "developer", "finance", "auditor"}
    assert held.name == "evaluation"
    assert own.person is not None
    assert own.person.email == colleagues.DEVELOPER
    assert (asked.state, asked.limit) == ("open", "budget")


def test_the_same_past_is_drawn_again(demo: Demo) -> None:
    with access.operator():
        found = Organization.objects.get(pk=demo.id)
    once, again = (traffic.drawn(history._cast(found)) for _ in range(2))
    assert once == again
    ids = {UUID(one["event_id"]) for one in once}
    assert len(ids & {one.event_id for one in demo.events()}) >= demo.written - 60
