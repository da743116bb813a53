"""Contract prices by two people."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from pytest_django import Settings

from audit.models import OutboxEntry
from billing.approval import proposals
from orbit.lib import access
from quotas import prices
from quotas.contracts import set_contract_price, withdraw_contract_price
from quotas.models import ContractPrice
from tenants import services
from tenants.models import Membership
from tests.console.conftest import Tenant, make_person
from tests.management import client_of

SCOPES = ["usage.read", "prices.write"]
TERMS = {"provider": "openai", "model": "*", "discount_percent": "-12.5", "source": "group policy"}


@pytest.fixture
def buying(tenant: Tenant) -> Tenant:
    services.save_account(
        organization_id=tenant.organization.pk,
        actor="test",
        name="main",
        kind="vllm",
        base_url="https://llm.example.com/v1",
        prices_as="openai",
    )
    return tenant


def finance(tenant: Tenant, member: Membership | None = None) -> tuple[Client, str]:
    """With a key of a member's own; of another one each time, where none is given."""
    where: dict[str, Any] = {"organization_id": tenant.organization.pk}
    member = member or services.add_member(**where, actor="test", person=make_person(), role="finance").row
    _, text = services.issue_management_key(
        **where, name=f"k-{uuid4().hex[:8]}", scopes=SCOPES, actor=member, own=True
    )
    client = Client(headers={"Authorization": f"Bearer {text}"})
    return client, f"/api/v1/organizations/{tenant.organization.slug}/price-proposals"


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(path, body or {}, content_type="application/json")


def contracts(tenant: Tenant) -> list[ContractPrice]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(ContractPrice.objects.live())


def test_one_proposes_and_another_approves(buying: Tenant) -> None:
    client, path = finance(buying)
    other, _ = finance(buying)
    made = post(client, path, TERMS).json()
    assert (made["state"], made["discount_percent"], made["model"]) == ("open", "-12.5", "*")
    assert contracts(buying) == []
    own = post(client, f"{path}/{made['id']}/approve")
    assert (own.status_code, "somebody else" in own.json()["detail"]) == (403, True)
    approved = post(other, f"{path}/{made['id']}/approve", {"reason": "as agreed"}).json()
    (price,) = contracts(buying)
    assert (approved["state"], approved["price_id"]) == ("approved", price.pk)
    assert (price.source, approved["reason"]) == ("group policy", "as agreed")
    again = post(other, f"{path}/{made['id']}/approve")
    assert (again.status_code, again.json()["errors"][0]["field"]) == (400, "proposal")
    with access.scope(organization_id=buying.organization.pk):
        acts = [one.event["detail"]["action"] for one in OutboxEntry.objects.order_by("pk")]
    assert acts[-3:] == ["price.propose", "price.create", "price.approve"]


def test_a_person_is_one_whatever_they_come_with(buying: Tenant) -> None:
    """By page and by key, under a new address, or by a key of nobody, which they may have made."""
    where: dict[str, Any] = {"organization_id": buying.organization.pk}
    person = make_person()
    member = services.add_member(**where, actor="test", person=person, role="finance").row
    client, path = finance(buying, member)
    made = post(client, path, TERMS).json()
    terms: dict[str, Any] = {**TERMS, "discount_percent": Decimal(3)}
    by_page = proposals.propose_price(**where, actor=member, **terms)
    person.email = f"new-{person.email}"
    person.save()
    for proposal in (made["id"], by_page.pk):
        with pytest.raises(PermissionDenied, match="somebody else"):
            proposals.approve_price(**where, actor=member, proposal_id=proposal)
        for one in (client, client_of(buying.organization.pk, SCOPES)):
            assert post(one, f"{path}/{proposal}/approve").status_code == 403
    assert contracts(buying) == []


def test_a_mark_up_is_on_whatever_the_book_says(buying: Tenant) -> None:
    client, path = finance(buying)
    other, _ = finance(buying)
    prices.seed({("openai", "gpt-4o-mini")})
    made = post(client, path, TERMS).json()
    post(other, f"{path}/{made['id']}/approve")
    target, now = prices.Target("openai", "gpt-4o-mini", "main"), datetime.now(UTC)
    with access.scope(organization_id=buying.organization.pk):
        marked = prices.in_force({target}, now)[target]
        listed = prices.listed({target}, now)[target]
    assert marked.input * 1000 == listed.input * 1125


def test_a_proposal_is_refused_or_taken_back(buying: Tenant) -> None:
    client, path = finance(buying)
    made = post(client, path, TERMS).json()
    assert post(client, f"{path}/{made['id']}/refuse").status_code == 400  # without a reason
    assert post(client, f"{path}/{made['id']}/refuse", {"reason": "a slip"}).json()["state"] == "refused"
    assert [one["state"] for one in client.get(path, {"state": "refused"}).json()["data"]] == ["refused"]
    assert client.get(path, {"state": "open"}).json()["data"] == []
    assert contracts(buying) == []


def test_terms_are_checked_when_they_are_proposed(buying: Tenant) -> None:
    client, path = finance(buying)
    for more, field in (
        ({"provider": "nobody"}, "provider"),
        ({"account": "nobody"}, "account"),
        ({"discount_percent": "100"}, "discount_percent"),
        ({"model": "a*b"}, "model"),
    ):
        answer = post(client, path, {**TERMS, **more})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_where_it_takes_two_no_member_agrees_alone(buying: Tenant, settings: Settings) -> None:
    settings.ORBIT_PRICE_APPROVAL = True
    where: dict[str, Any] = {"organization_id": buying.organization.pk}
    people = [make_person(), make_person()]
    for person in people:
        services.add_member(**where, actor="test", person=person, role="finance")
    with access.scope(**where):
        first, second = (Membership.objects.get(person=person) for person in people)
    terms: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "rates": {"input": 5, "output": 5}}
    with pytest.raises(PermissionDenied, match="takes two"):
        set_contract_price(**where, actor=first, **terms)
    proposal = proposals.propose_price(**where, actor=first, **terms)
    with pytest.raises(PermissionDenied, match="somebody else"):
        proposals.approve_price(**where, actor=first, proposal_id=proposal.pk)
    proposals.approve_price(**where, actor=second, proposal_id=proposal.pk)
    (price,) = contracts(buying)
    assert not set_contract_price(**where, actor=first, **terms).changed
    assert contracts(buying) == [price]
    with pytest.raises(PermissionDenied, match="takes two"):
        withdraw_contract_price(**where, actor=first, price_id=price.pk)
    withdraw_contract_price(**where, actor="operator", price_id=price.pk)
    assert contracts(buying) == []
