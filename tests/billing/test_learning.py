"""The estimator learns from what providers counted: within bounds, a step at a time, the same however often it is asked."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.models import BillException
from billing.reconcile import learning
from billing.reconcile.counts import Counts
from billing.reconcile.sides import Call, Cause, Part
from billing.reconcile.wanted import Wanted
from orbit.lib import access
from quotas.models import TokenPadding
from tenants import services
from tenants.models import ProviderAccount
from tests.tenants.conftest import organization, slug

__all__ = ["organization", "slug"]

NOW = datetime.now(UTC)


@pytest.fixture
def provider() -> str:
    return f"p-{secrets.token_hex(4)}"


def see(
    organization: Any, provider: str, calls: int, estimated: int, counted: int, kind: str = "openai"
) -> None:
    where: dict[str, Any] = {"organization_id": organization.pk}
    services.save_account(
        **where,
        name="main",
        kind=kind,
        base_url="https://llm.example.com/v1",
        prices_as=provider,
        actor="test",
    )
    with access.scope(**where):
        account = ProviderAccount.objects.get(name="main")
        BillException.objects.create(
            **where,
            run_id=uuid4(),
            account_id=account.pk,
            account="main",
            day=NOW.date() - timedelta(days=3),
            model="newmodel-1",
            cause="estimate",
            currency="USD",
            facts={"calls": calls, "estimated_input": estimated, "counted_input": counted},
        )


def rows(provider: str) -> list[tuple[str, float, str]]:
    with access.operator():
        found = TokenPadding.objects.filter(provider=provider).order_by("pk")
        return [(one.model_prefix, float(one.factor), one.source) for one in found]


def test_a_padding_moves_by_a_tenth_towards_what_was_counted(organization: Any, provider: str) -> None:
    see(
        organization, provider, 60, 13_000, 26_000
    )  # of a family that pads by 1.3: 10,000 of ours were 26,000 there
    learning.learn(NOW)
    ((prefix, factor, source),) = rows(provider)
    assert (prefix, factor) == ("newmodel-1", 1.43)
    assert "60 calls, 2.600" in source


def test_to_learn_on_goes_no_further_than_the_bound(organization: Any, provider: str) -> None:
    see(organization, provider, 60, 13_000, 260_000)
    for night in range(11):
        learning.learn(NOW + timedelta(days=night))
    factors = [factor for _, factor, _ in rows(provider)]
    assert factors == sorted(factors)
    assert factors[-1] == learning.MOST
    learning.learn(NOW + timedelta(days=11))
    assert [factor for _, factor, _ in rows(provider)] == factors


def test_to_learn_twice_a_night_is_as_once(organization: Any, provider: str) -> None:
    see(organization, provider, 60, 13_000, 260_000)
    assert learning.learn(NOW) >= 1
    learned = rows(provider)
    learning.learn(NOW + timedelta(seconds=1))
    assert rows(provider) == learned


def test_what_a_later_run_no_longer_found_teaches_nothing(organization: Any, provider: str) -> None:
    see(organization, provider, 60, 13_000, 26_000)
    with access.scope(organization_id=organization.pk):
        BillException.objects.update(state="closed", reason="a later run no longer finds it")
    learning.learn(NOW)
    assert rows(provider) == []


def test_only_calls_that_were_padded_teach() -> None:
    """A lapsed lease has what was reserved, and a broken answer what had come of it."""

    def part(source: str, given: int, counted: int) -> Part:
        call = Call(uuid4(), NOW, NOW, Counts(fresh=given), 1, estimated=True, source=source)
        return Part(Cause.ESTIMATE, NOW.date(), Counts(fresh=counted - given), calls=(call,))

    parts = (part("estimated", 130, 100), part("lease_expired", 90_000, 10), part("partial", 7, 70))
    assert Wanted((NOW.date(), "m", "estimate"), parts, ()).facts() == {
        "calls": 1,
        "estimated_input": 130,
        "counted_input": 100,
        "sources": {"estimated": 1, "lease_expired": 1, "partial": 1},
    }


@pytest.mark.parametrize(
    ("calls", "counted", "kind"), [(49, 26_000, "openai"), (60, 13_050, "openai"), (60, 26_000, "vllm")]
)
def test_few_calls_small_differences_and_files_teach_nothing(
    organization: Any, provider: str, calls: int, counted: int, kind: str
) -> None:
    see(organization, provider, calls, 13_000, counted, kind)
    learning.learn(NOW)
    assert rows(provider) == []
