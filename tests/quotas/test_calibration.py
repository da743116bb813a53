"""Measured paddings: the newest of the longest prefix holds, and those who route there hear of it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas.calibration import paddings, set_padding
from quotas.models import TokenPadding
from tenants import services
from tenants.models import Organization
from tests.tenants.conftest import run


@pytest.fixture
def provider() -> str:
    """Paddings belong to no organization, so each test has a provider of its own."""
    return f"p-{secrets.token_hex(6)}"


def routing(provider: str, model: str) -> UUID:
    """An organization with one model at the provider."""
    organization = services.create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test")
    services.save_account(
        organization_id=organization.id,
        name="main",
        kind="openai_compatible",
        base_url="https://llm.example.com/v1",
        prices_as=provider,
        actor="test",
    )
    services.save_model(
        organization_id=organization.id, alias="m", targets=[services.NewTarget("main", model)], actor="test"
    )
    return organization.id


def version(organization_id: UUID) -> int:
    with access.scope(organization_id=organization_id):
        return Organization.objects.get().version


def read(*pairs: tuple[str, str]) -> dict[tuple[str, str], float]:
    with access.scope():
        return paddings(pairs)


def test_longest_prefix_of_the_plain_name_holds(provider: str) -> None:
    set_padding(provider, "claude", 1.4, "test")
    set_padding(provider, "claude-opus-4-7", "1.65", "test")
    opus = (provider, "us.anthropic.claude-opus-4-7-20260801-v1:0")
    haiku = (provider, "claude-haiku-4-5")
    assert read(opus, haiku, (provider, "gpt-4o"), ("another", "claude-haiku-4-5")) == {
        opus: 1.65,
        haiku: 1.4,
    }


def test_newest_padding_in_force_holds(provider: str) -> None:
    pair = (provider, "gpt-4o")
    assert read(pair) == {}
    set_padding(provider, "gpt-4o", 1.1, "first")
    done = set_padding(provider, "gpt-4o", 1.2, "second")
    assert (done.before, done.factor, done.changed) == (Decimal("1.100"), Decimal("1.200"), True)
    with access.operator():
        TokenPadding.objects.create(
            provider=provider,
            model_prefix="gpt-4o",
            factor="3",
            source="next year",
            valid_from=datetime.now(UTC) + timedelta(days=365),
        )
    assert read(pair) == {pair: 1.2}


def test_those_who_route_there_get_a_new_version_and_an_act(provider: str) -> None:
    touched, untouched = routing(provider, "openai/gpt-4o-2024-08-06"), routing(provider, "gpt-4.1")
    before = version(touched), version(untouched)
    done = set_padding(provider, "gpt-4o", 1.05, "night of 2026-11-22")
    assert done.organizations == 1
    assert (version(touched), version(untouched)) == (before[0] + 1, before[1])
    with access.scope(organization_id=touched):
        act = OutboxEntry.objects.order_by("id").last()
    assert act is not None
    assert act.event["detail"] == {
        "actor": "manage.py estimates",
        "action": "padding.set",
        "target": f"{provider}/gpt-4o",
        "before": None,
        "after": {"factor": "1.050", "source": "night of 2026-11-22"},
    }


def test_setting_it_again_writes_no_row_and_tells_again(provider: str) -> None:
    touched = routing(provider, "gpt-4o")
    set_padding(provider, "gpt-4o", 1.05, "test")
    before = version(touched)
    assert not set_padding(provider, "gpt-4o", "1.0500", "test").changed
    assert version(touched) == before + 1
    with access.operator():
        assert TokenPadding.objects.filter(provider=provider).count() == 1


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("factor", {"factor": "0.49"}),
        ("factor", {"factor": 5.001}),
        ("factor", {"factor": "NaN"}),
        ("factor", {"factor": "1e400"}),
        ("factor", {"factor": "-1"}),
        ("factor", {"factor": "much"}),
        ("provider", {"provider": " "}),
        ("provider", {"provider": "p" * 64}),
        ("source", {"source": ""}),
        ("source", {"source": "a\nb"}),
        ("model", {"model_prefix": ""}),
        ("model", {"model_prefix": "openai/gpt-4o"}),
        ("model", {"model_prefix": "GPT-4o"}),
        ("model", {"model_prefix": "gpt-4o-2024-08-06"}),
    ],
)
def test_bad_padding_names_its_field(provider: str, field: str, changed: dict[str, Any]) -> None:
    given = {"provider": provider, "model_prefix": "gpt-4o", "factor": "1.1", "source": "test", **changed}
    with pytest.raises(InputError) as caught:
        set_padding(**given)
    assert caught.value.path == field
    assert read((provider, "gpt-4o")) == {}


@pytest.mark.parametrize("factor", ["0.5", "5", 0.5, 5])
def test_ends_of_the_range_are_taken(provider: str, factor: Any) -> None:
    set_padding(provider, "gpt-4o", factor, "test")
    assert read((provider, "gpt-4o")) == {(provider, "gpt-4o"): float(factor)}


def test_database_holds_the_range_by_itself(provider: str) -> None:
    with access.operator(), pytest.raises(IntegrityError), transaction.atomic(using="operator"):
        TokenPadding.objects.create(provider=provider, model_prefix="x", factor="5.001", source="test")


def test_calls_may_not_write_paddings(provider: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), access.scope():
        TokenPadding.objects.create(provider=provider, model_prefix="x", factor="1", source="test")


def test_command_sets_and_lists(provider: str) -> None:
    routing(provider, "gpt-4o")
    arguments = ("--provider", provider, "--model", "gpt-4o", "--source", "a night's comparison")
    answer = run("estimates", "set", *arguments, "--factor", "1.1")
    assert (answer.code, answer.out.strip()) == (
        0,
        f"{provider}/gpt-4o: unset -> 1.100; 1 organizations reload",
    )
    answer = run("estimates", "set", *arguments, "--factor", "1.1")
    assert (answer.code, answer.out.strip()) == (0, f"{provider}/gpt-4o is 1.100; 1 organizations reload")
    listed = [
        one for one in run("estimates", "list", "--json").json["paddings"] if one["provider"] == provider
    ]
    assert [(one["model"], one["factor"], one["source"]) for one in listed] == [
        ("gpt-4o", "1.100", "a night's comparison")
    ]
    assert f"{provider}  gpt-4o" in run("estimates", "list").out


def test_bad_input_of_the_command_exits_with_two(provider: str) -> None:
    answer = run(
        "estimates", "set", "--provider", provider, "--model", "gpt-4o", "--factor", "9", "--source", "x"
    )
    assert answer.code == 2
    assert "factor" in answer.err
