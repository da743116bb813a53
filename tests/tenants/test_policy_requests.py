"""Requests for more: asked with a reason, decided by somebody, and over when their time is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError
from tenants.models import Membership, Organization, Person, PolicyRequest, PolicyRevision
from tenants.schema import Invalid
from tenants.services import (
    add_member,
    approve_request,
    end_requests,
    refuse_request,
    remove_member,
    request_model,
    request_more,
    save_account,
    save_model,
    save_policy,
)
from tenants.services.routes import NewTarget
from tenants.tasks import end_requests as end_all
from tests.tenants.conftest import run

BUDGET = {"name": "budget", "meter": "cost", "per": "month", "limit": "500.00"}
DAILY = {"name": "daily", "meter": "tokens", "per": "day", "limit": 1000}
TOMORROW = datetime.now(UTC) + timedelta(days=1)
Ask = Callable[..., PolicyRequest]


@pytest.fixture
def ask(organization: Organization) -> Ask:
    """`ask(limit=…, amount=…)` or `ask(model=…)` of a policy that allows the model "fast" and knows "dear"."""
    save_account(
        organization_id=organization.id,
        name="own",
        kind="vllm",
        base_url="https://llm.example.com/v1",
        prices_as="vllm",
        credential=None,
        actor="test",
    )
    for alias in ("fast", "dear"):
        targets = [NewTarget("own", alias, 1)]
        save_model(organization_id=organization.id, alias=alias, targets=targets, fallbacks=[], actor="test")
    written(organization)

    def asked(**what: Any) -> PolicyRequest:
        shared: dict[str, Any] = {
            "organization_id": organization.id,
            "policy": "default",
            "until": TOMORROW,
            "reason": "the fair",
            "actor": "dev@example.com",
            **what,
        }
        return request_model(**shared) if "model" in what else request_more(**shared)

    return asked


def written(organization: Organization, **fields: Any) -> None:
    document = {"limits": [BUDGET, DAILY], "allow": {"models": ["fast"]}, **fields}
    save_policy(organization_id=organization.id, name="default", document=document, actor="test")


def approved(organization: Organization, asked: PolicyRequest) -> PolicyRequest:
    return approve_request(
        organization_id=organization.id, request_id=asked.pk, actor="boss@example.com", reason="granted"
    )


def in_force(organization: Organization) -> PolicyRevision:
    with access.scope(organization_id=organization.id):
        return PolicyRevision.objects.latest("number")


def actions(organization: Organization) -> list[str]:
    with access.scope(organization_id=organization.id):
        found = OutboxEntry.objects.order_by("pk").values_list("event__detail__action", flat=True)
        return [one for one in found if one.startswith(("request.", "policy."))]


@pytest.mark.parametrize(
    ("limit", "amount", "raised"), [("budget", "800", "800.00"), ("daily", "2000", 2000)]
)
def test_approval_raises_the_limit_until_the_moment(
    organization: Organization, ask: Ask, limit: str, amount: str, raised: Any
) -> None:
    asked = ask(limit=limit, amount=amount)
    assert in_force(organization).number == 1
    done = approved(organization, asked)
    revision = in_force(organization)
    [found] = [one for one in revision.document["limits"] if one["name"] == limit]
    assert found["temporary"] == {"limit": raised, "until": rfc3339(TOMORROW)}
    assert (revision.number, revision.author) == (2, "boss@example.com")
    assert revision.reason == "request of dev@example.com: the fair"
    assert (done.state, done.revision, done.decision) == ("approved", 2, "granted")
    assert actions(organization) == ["policy.create", "request.open", "policy.update", "request.approve"]


def test_model_is_allowed_until_its_time_is_over(organization: Organization, ask: Ask) -> None:
    approved(organization, ask(model="dear"))
    assert in_force(organization).document["allow"]["models"] == ["fast", "dear"]
    assert end_requests(organization_id=organization.id, now=TOMORROW - timedelta(seconds=1)) == 0
    assert end_requests(organization_id=organization.id, now=TOMORROW) == 1
    last = in_force(organization)
    assert last.document["allow"]["models"] == ["fast"]
    assert (last.number, last.author) == (3, "expiry")
    assert last.reason == "the request of dev@example.com for dear has ended"
    assert end_requests(organization_id=organization.id, now=TOMORROW) == 0
    assert actions(organization)[-2:] == ["policy.update", "request.end"]


def test_end_leaves_what_was_changed_meanwhile(organization: Organization, ask: Ask) -> None:
    approved(organization, ask(model="dear"))
    written(organization, allow={"models": ["*"]})
    assert end_requests(organization_id=organization.id, now=TOMORROW) == 1
    assert in_force(organization).document["allow"]["models"] == ["*"]


def test_end_of_an_increase_needs_no_revision(organization: Organization, ask: Ask) -> None:
    approved(organization, ask(limit="daily", amount="2000"))
    assert end_requests(organization_id=organization.id, now=TOMORROW) == 1
    assert in_force(organization).number == 2


def test_the_task_ends_those_of_every_organization(organization: Organization, ask: Ask) -> None:
    asked = approved(organization, ask(model="dear"))
    assert end_all() == 0
    with access.scope(organization_id=organization.id):
        PolicyRequest.objects.filter(pk=asked.pk).update(until=datetime.now(UTC))
    assert end_all() == 1
    assert in_force(organization).document["allow"]["models"] == ["fast"]


def member_of(organization: Organization, person: Person | None = None, role: str = "admin") -> Membership:
    found = person or Person.objects.create_user(
        f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test"
    )
    return add_member(organization_id=organization.id, person=found, role=role, actor="test").row


def refused_to_approve(organization: Organization, asked: PolicyRequest, actor: Membership) -> None:
    with pytest.raises(PermissionDenied, match="whoever asked for more does not approve it"):
        approve_request(organization_id=organization.id, request_id=asked.pk, actor=actor)
    assert in_force(organization).number == 1


def test_nobody_approves_their_own_request(organization: Organization, ask: Ask) -> None:
    own, other = member_of(organization), member_of(organization)
    asked = ask(limit="daily", amount="2000", actor=own)
    refused_to_approve(organization, asked, own)
    approve_request(organization_id=organization.id, request_id=asked.pk, actor=other)
    assert in_force(organization).number == 2


def test_own_request_stays_ones_own_in_another_role_and_under_another_address(
    organization: Organization, ask: Ask
) -> None:
    member_of(organization, role="owner")
    was = member_of(organization, role="developer")
    asked = ask(model="dear", actor=was)
    remove_member(organization_id=organization.id, member_id=was.pk, actor="test")
    was.person.email = f"new-{was.person.email}"
    was.person.save()
    refused_to_approve(organization, asked, member_of(organization, was.person, role="owner"))


def test_request_in_somebodys_name_is_theirs(organization: Organization, ask: Ask) -> None:
    named = member_of(organization)
    asked = ask(limit="daily", amount="2000", actor=named.person.email)
    refused_to_approve(organization, asked, named)


def test_own_request_is_taken_back_by_refusing_it(organization: Organization, ask: Ask) -> None:
    own = member_of(organization)
    asked = ask(limit="daily", amount="2000", actor=own)
    done = refuse_request(
        organization_id=organization.id, request_id=asked.pk, actor=own, reason="no longer needed"
    )
    assert done.state == "refused"


def test_operator_approves_where_nobody_else_may(organization: Organization, ask: Ask) -> None:
    asked = ask(limit="daily", amount="2000", actor=member_of(organization, role="owner"))
    approved(organization, asked)
    assert in_force(organization).number == 2


def test_refusal_says_why_and_changes_nothing(organization: Organization, ask: Ask) -> None:
    asked = ask(limit="daily", amount="2000")
    done = refuse_request(
        organization_id=organization.id, request_id=asked.pk, actor="boss@example.com", reason="too much"
    )
    assert (done.state, done.decided_by, done.decision) == ("refused", "boss@example.com", "too much")
    assert in_force(organization).number == 1
    assert actions(organization)[-1] == "request.refuse"
    with pytest.raises(InputError, match="refused already"):
        approved(organization, asked)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"limit": "other", "amount": "1"}, "no limit 'other'"),
        ({"limit": "daily", "amount": "1000"}, "must be more than the limit itself"),
        ({"limit": "daily", "amount": "lots"}, "must be a whole number"),
        ({"model": "fast"}, "allowed already"),
        ({"model": "nobody"}, "no model 'nobody'"),
        ({"model": "dear", "until": datetime.now(UTC)}, "must be in the future"),
        ({"model": "dear", "reason": " "}, "reason"),
    ],
)
def test_what_could_not_be_granted_is_not_asked_for(
    organization: Organization, ask: Ask, what: dict[str, Any], says: str
) -> None:
    with pytest.raises((InputError, Invalid), match=says):
        ask(**what)
    with access.scope(organization_id=organization.id):
        assert not PolicyRequest.objects.exists()


def test_increase_over_another_is_not_granted(organization: Organization, ask: Ask) -> None:
    first, second = ask(limit="daily", amount="2000"), ask(limit="daily", amount="3000")
    approved(organization, first)
    with pytest.raises(InputError, match="is raised to 2000 until"):
        approved(organization, second)


def test_by_command(organization: Organization, ask: Ask) -> None:
    path = f"{organization.slug}/default"
    asked = run(
        "policy", "ask", path, "--model", "dear", "--until", rfc3339(TOMORROW), "--reason", "x", "--json"
    ).json
    assert (asked["state"], asked["requested_by"]) == ("open", "manage.py policy ask")
    more = (
        "policy",
        "ask",
        path,
        "--limit",
        "daily",
        "--amount",
        "1",
        "--until",
        "2031-01-01",
        "--reason",
        "x",
    )
    assert "must be more than the limit itself" in run(*more).err
    assert run(*more).code == 2
    assert "open      dear until" in run("policy", "requests", path).out
    answer = run("policy", "approve", path, "--request", asked["request"], "--by", "boss@example.com")
    assert answer.out.startswith("Revision 2 is in force; it ends at ")
    [told] = run("policy", "requests", path, "--json").json["requests"]
    assert (told["state"], told["decided_by"], told["revision"]) == ("approved", "boss@example.com", 2)
    again = run("policy", "refuse", path, "--request", asked["request"], "--reason", "no")
    assert (again.code, "approved already" in again.err) == (2, True)


def test_less_may_be_approved_than_was_asked_for(organization: Organization, ask: Ask) -> None:
    asked = ask(limit="budget", amount="800.00")
    done = approve_request(
        organization_id=organization.id, request_id=asked.pk, actor="boss@example.com", amount="600.00"
    )
    assert (done.amount, done.granted) == ("800.00", "600.00")
    assert done.revision is not None
    with access.scope(organization_id=organization.id):
        limits = PolicyRevision.objects.get(number=done.revision, policy=done.policy).document["limits"]
        act = OutboxEntry.objects.order_by("id").last()
    assert limits[0]["temporary"]["limit"] == "600.00"
    assert act is not None
    assert act.event["detail"]["after"]["granted"] == "600.00"


@pytest.mark.parametrize(
    ("amount", "says"),
    [("900.00", "more than was asked"), ("much", "amount"), ("500.00", "more than the limit")],
)
def test_another_amount_that_cannot_be_granted_is_refused(
    organization: Organization, ask: Ask, amount: str, says: str
) -> None:
    asked = ask(limit="budget", amount="800.00")
    with pytest.raises((InputError, Invalid), match=says):
        approve_request(
            organization_id=organization.id, request_id=asked.pk, actor="boss@example.com", amount=amount
        )
    with access.scope(organization_id=organization.id):
        assert PolicyRequest.objects.get(pk=asked.pk).state == "open"


def test_a_model_is_approved_as_a_whole(organization: Organization, ask: Ask) -> None:
    asked = ask(model="dear")
    with pytest.raises(InputError, match="a model is asked for"):
        approve_request(organization_id=organization.id, request_id=asked.pk, actor="boss", amount="1")
