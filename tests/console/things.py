"""As many as a test wants of each thing that an organization's pages list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMessage

from billing.alerts.rules import save_alert
from billing.approval.proposals import propose_price
from billing.models import BillException, Comparison, Run
from billing.reports.saved import save_report_view
from console import mail
from orbit.lib import access
from quotas.contracts import set_contract_price
from quotas.findings import rollup as findings
from tenants import services
from tenants.models import Organization, Person
from tests.console.conftest import make_person, make_tenant

DOCUMENT = {"limits": [{"name": "budget", "meter": "cost", "per": "month", "limit": "50.00"}]}
PROJECT, POLICY = "project-0", "policy-0"


def grow(organization: Organization, owner: Person, first: int, last: int) -> None:
    """Those from number `first` up to, without, `last`. A project and a policy have many of theirs."""
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    for number in range(first, last):
        services.save_policy(**where, name=f"policy-{number}", document=DOCUMENT, reason="first")
        services.save_project(**where, slug=f"project-{number}", name=f"Project {number}")
        _routes(where, number)
        _of_the_first(where, number)
        _people(where, number)
        _to_call_the_api(where, number)
        _of_the_owner(owner, number)
        _billed(organization, number)
        _priced(where, number)
        _found(organization, number)


def _priced(where: dict[str, Any], number: int) -> None:
    """Contracts that stand, one that was withdrawn, and proposals that wait."""
    of: dict[str, Any] = {"provider": "vllm", "model": f"qwen-{number}"}
    for rates in ({"input": 1_000, "output": 2_000}, {"input": 2_000, "output": 4_000}):
        set_contract_price(**where, **of, rates=rates)
    propose_price(**where, **of, rates={"input": 3_000, "output": 5_000})


def _billed(organization: Organization, number: int) -> None:
    """Days compared with a bill, a run, an exception with evidence and adjustments."""
    day = datetime.now(UTC).date() - timedelta(days=2 + number % 20)
    with access.scope(organization_id=organization.pk):
        account = {"organization_id": organization.pk, "account_id": uuid4(), "account": f"account-{number}"}
        run = Run.objects.create(
            **account,
            connector="openai",
            since=day,
            until=day + timedelta(days=1),
            asked_by="test",
            state="done",
        )
        of_day: dict[str, Any] = {"run_id": run.pk, "day": day, "model": f"model-{number}"}
        Comparison.objects.create(
            **account,
            **of_day,
            final=True,
            ours_nano=1_000_000_000,
            theirs_nano=1_100_000_000,
            parts=[{"cause": "price", "tokens": 0, "money_nano": 100_000_000, "count": 1}],
        )
        adjustment = {
            "at": f"{day}T12:00:00.000000Z",
            "tokens": {"output": number},
            "cost_nano": 1,
            "calls": 0,
            "alias": "m",
        }
        BillException.objects.create(
            **account,
            **of_day,
            cause="price",
            currency="USD",
            state="proposed",
            money_nano=100_000_000,
            evidence=[str(uuid4()) for _ in range(number + 1)],
            adjustments=[adjustment] * (number + 1),
        )


def _found(organization: Organization, number: int) -> None:
    """In a call of a project of its own."""
    one = {"type": f"TYPE_{number}", "direction": "request", "action": "mask", "count": 1}
    row: dict[str, Any] = {
        "kind": "call",
        "organization_id": organization.pk,
        "project_id": uuid4(),
        "admitted_at": datetime.now(UTC),
        "count": None,
        "detail": {"dlp": {"findings": [one]}},
    }
    with access.ledger():
        findings.apply([row])


def _routes(where: dict[str, Any], number: int) -> None:
    account, url = f"account-{number}", "https://llm.example.com/v1"
    services.save_account(**where, name=account, kind="vllm", base_url=url)
    if number < 40:  # an organization may only have so many
        services.save_inspector(**where, name=f"inspector-{number}", kind="openai_moderation")
    services.save_model(
        **where,
        alias=f"model-{number}",
        targets=[services.NewTarget(account, "qwen3"), services.NewTarget("account-0", f"qwen-{number}")],
    )


def _of_the_first(where: dict[str, Any], number: int) -> None:
    """The pages of one project, one policy and one account list these."""
    spent = {"limits": [{**DOCUMENT["limits"][0], "limit": f"{50 + number}.00"}]}
    services.save_policy(**where, name=POLICY, document=spent, reason=f"revision {number}")
    services.issue_key(**where, project=PROJECT, name=f"key-{number}", policy=POLICY)
    services.create_service_account(**where, project=PROJECT, name=f"robot-{number}")
    soon = datetime.now(UTC) + timedelta(days=3)
    services.request_more(
        **where, policy=POLICY, limit="budget", amount=f"{900 + number}.00", until=soon, reason="a fair"
    )


def _people(where: dict[str, Any], number: int) -> None:
    save_report_view(**where, name=f"report-{number}", words={"by": "project"})
    if number < 40:  # an organization may only have so many
        save_alert(**where, name=f"alert-{number}", percents=[80], hook_url="https://hooks.example.com/x")
    services.save_role(**where, name=f"role-{number}", rights=["organization.read"])
    member = make_person()
    services.add_member(**where, person=member, role=f"role-{number}")
    services.issue_key(**where, project=PROJECT, name=f"own-{number}", owner=member.email)
    services.invite(**where, email=f"guest-{number}@example.org", role="auditor")
    services.add_domain(**where, name=f"d{number}.{where['organization_id'].hex[-12:]}.example")


def _to_call_the_api(where: dict[str, Any], number: int) -> None:
    services.issue_management_key(**where, name=f"key-{number}", scopes=["organization.read"])
    services.issue_oauth_client(**where, name=f"client-{number}", scopes=["organization.read"])


def _of_the_owner(owner: Person, number: int) -> None:
    make_tenant(owner)
    EmailAddress.objects.create(user=owner, email=f"{number}-{owner.email}", verified=True)


def keep_mail(to: str) -> None:
    """In the outbox that a page shows; the suite's own mail goes nowhere."""
    assert settings.ORBIT_EMAIL_URL == "outbox:"
    mail.Backend().send_messages([EmailMessage("Confirm", "https://example.org/confirm/", to=[to])])
