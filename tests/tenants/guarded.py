"""Every service that asks for a right, and how to try it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from audit.exports.selection import Selection as Events
from billing.alerts import rules
from billing.approval import proposals
from billing.reconcile import runs, settling, sources
from billing.reports import saved
from orbit.lib import access
from quotas.contracts import set_contract_price
from tenants import services
from tenants.key_list import Selection
from tenants.models import ApiKey, Membership, Organization, Person
from tenants.rights import BUILT_IN, Right

Join = Callable[[str], Membership]


def make_person() -> Person:
    return Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test")


@pytest.fixture
def join(organization: Organization) -> Join:
    """A new person in the organization with this role."""

    def joined(role: str) -> Membership:
        return services.add_member(
            organization_id=organization.id, person=make_person(), role=role, actor="test"
        ).row

    return joined


@pytest.fixture
def furnished(organization: Organization, join: Join) -> Organization:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    services.save_policy(**where, name="default", document={})
    services.update_organization(**where, policy="default")
    services.save_project(**where, slug="bot", name="Bot")
    services.issue_key(**where, project="bot", name="main")
    services.save_account(**where, name="main", kind="openai")
    services.save_model(**where, alias="fast", targets=[services.NewTarget("main", "gpt-4o")])
    services.save_role(**where, name="reader", rights=[Right.USAGE_READ])
    join("owner")
    return organization


def _key(organization: Organization) -> ApiKey:
    with access.scope(organization_id=organization.id):
        return ApiKey.objects.latest("created_at")


Do = Callable[[Organization, Join], Callable[[Any], object]]


def _plain(service: Callable[..., object], **given: Any) -> Do:
    return lambda place, _: lambda actor: service(organization_id=place.id, actor=actor, **given)


def _of_key(service: Callable[..., object], **given: Any) -> Do:
    return lambda place, _: (
        lambda actor: service(organization_id=place.id, key_id=_key(place).pk, actor=actor, **given)
    )


def _of_member(service: Callable[..., object], **given: Any) -> Do:
    """Of an auditor who is there before."""

    def made(place: Organization, join: Join) -> Callable[[Any], object]:
        member = join("auditor")
        return lambda actor: service(organization_id=place.id, member_id=member.pk, actor=actor, **given)

    return made


SOON = datetime.now(UTC) + timedelta(days=1)
SERVICES: dict[str, tuple[set[Right], Do]] = {
    "rename": (
        {Right.ORGANIZATION_WRITE},
        _plain(services.update_organization, name="Other"),
    ),
    "require a second factor": (
        {Right.ORGANIZATION_WRITE},
        _plain(services.update_organization, requires_mfa=True),
    ),
    "attach to the organization": (
        {Right.ORGANIZATION_WRITE, Right.POLICIES_ATTACH},
        _plain(services.update_organization, policy=None),
    ),
    "save a project": (
        {Right.PROJECTS_WRITE},
        _plain(services.save_project, slug="new", name="New"),
    ),
    "attach to a project": (
        {Right.PROJECTS_WRITE, Right.POLICIES_ATTACH},
        _plain(services.save_project, slug="bot", name="Bot", policy="default"),
    ),
    "archive a project": ({Right.PROJECTS_WRITE}, _plain(services.archive_project, slug="bot")),
    "issue a key": ({Right.KEYS_ISSUE}, _plain(services.issue_key, project="bot", name="new")),
    "issue a narrower key": (
        {Right.KEYS_ISSUE},
        _plain(services.issue_key, project="bot", name="new", policy="default"),
    ),
    "change a key": (
        {Right.KEYS_WRITE, Right.POLICIES_ATTACH},
        _of_key(services.change_key, policy="default", allow={}, expires_at=None, rotate_after_days=None),
    ),
    "roll a policy back": (
        {Right.POLICIES_WRITE},
        _plain(services.rollback_policy, name="default", number=1),
    ),
    "ask for a model": (
        {Right.ORGANIZATION_READ},
        _plain(services.request_model, policy="default", model="fast", until=SOON, reason="a trial"),
    ),
    "ask for more": (
        {Right.ORGANIZATION_READ},
        _plain(
            services.request_more, policy="default", limit="rpm", amount="9", until=SOON, reason="a trial"
        ),
    ),
    "approve a request": (
        {Right.POLICIES_WRITE},
        _plain(services.approve_request, request_id=uuid4()),
    ),
    "refuse a request": (
        {Right.POLICIES_WRITE},
        _plain(services.refuse_request, request_id=uuid4(), reason="no money"),
    ),
    "rotate a key": ({Right.KEYS_WRITE, Right.KEYS_ISSUE}, _of_key(services.rotate_key)),
    "revoke a key": ({Right.KEYS_REVOKE}, _of_key(services.revoke_key)),
    "revoke many keys": (
        {Right.KEYS_REVOKE},
        _plain(services.revoke_keys, selection=Selection(project="bot")),
    ),
    "suspend a key": ({Right.KEYS_WRITE}, _of_key(services.suspend_key, reason="a leak")),
    "resume a key": ({Right.KEYS_WRITE}, _of_key(services.resume_key)),
    "suspend a project": (
        {Right.PROJECTS_WRITE},
        _plain(services.suspend_project, slug="bot", reason="a leak"),
    ),
    "resume a project": ({Right.PROJECTS_WRITE}, _plain(services.resume_project, slug="bot")),
    "invite": (
        {Right.MEMBERS_INVITE} | BUILT_IN["auditor"],
        _plain(services.invite, email="new@example.com", role="auditor"),
    ),
    "take an invitation back": (
        {Right.MEMBERS_INVITE},
        _plain(services.revoke_invitation, invitation_id=uuid4()),
    ),
    "create a service account": (
        {Right.PROJECTS_WRITE},
        _plain(services.create_service_account, project="bot", name="ci"),
    ),
    "remove a service account": (
        {Right.PROJECTS_WRITE},
        _plain(services.remove_service_account, project="bot", name="ci"),
    ),
    "save a policy": (
        {Right.POLICIES_WRITE},
        _plain(services.save_policy, name="default", document={"caps": {"max_output_tokens": 5}}),
    ),
    "delete a policy": ({Right.POLICIES_WRITE}, _plain(services.delete_policy, name="unknown")),
    "save a model": (
        {Right.MODELS_WRITE},
        _plain(services.save_model, alias="new", targets=[services.NewTarget("main", "gpt-4o")]),
    ),
    "delete a model": ({Right.MODELS_WRITE}, _plain(services.delete_model, alias="fast")),
    "save an account": ({Right.ACCOUNTS_WRITE}, _plain(services.save_account, name="two", kind="openai")),
    "delete an account": ({Right.ACCOUNTS_WRITE}, _plain(services.delete_account, name="main")),
    "issue an OAuth client": (
        {Right.MANAGEMENT_KEYS_WRITE, Right.CALLS_READ},
        _plain(services.issue_oauth_client, name="ci", scopes=["calls.read"]),
    ),
    "change an OAuth client": (
        {Right.MANAGEMENT_KEYS_WRITE},
        _plain(services.change_oauth_client, client_id=uuid4(), scopes=["calls.read"]),
    ),
    "revoke an OAuth client": (
        {Right.MANAGEMENT_KEYS_WRITE},
        _plain(services.revoke_oauth_client, client_id=uuid4()),
    ),
    "set a price": (
        {Right.PRICES_WRITE},
        _plain(set_contract_price, provider="openai", model="gpt-4o", rates={"input": 1, "output": 1}),
    ),
    "save a role": (
        {Right.ROLES_WRITE, Right.CALLS_READ},
        _plain(services.save_role, name="new", rights=[Right.CALLS_READ]),
    ),
    "delete a role": ({Right.ROLES_WRITE, Right.USAGE_READ}, _plain(services.delete_role, name="reader")),
    "change a member's role": (
        {Right.MEMBERS_WRITE} | BUILT_IN["auditor"] | BUILT_IN["developer"],
        _of_member(services.change_role, role="developer"),
    ),
    "save the identity provider": (
        {Right.SIGN_IN_WRITE} | BUILT_IN["auditor"] | BUILT_IN["developer"],
        _plain(
            services.save_identity_provider,
            issuer="https://login.example.com",
            client_id="orbit",
            client_secret="oidc-secret",
            groups=[("audit", "auditor")],
            default_role="developer",
        ),
    ),
    "test an identity provider": (
        {Right.SIGN_IN_WRITE},
        _plain(services.try_identity_provider, issuer="nowhere"),
    ),
    "remove the identity provider": ({Right.SIGN_IN_WRITE}, _plain(services.delete_identity_provider)),
    "add a domain": ({Right.SIGN_IN_WRITE}, _plain(services.add_domain, name="new.example.com")),
    "verify a domain": ({Right.SIGN_IN_WRITE}, _plain(services.verify_domain, domain_id=uuid4())),
    "remove a domain": ({Right.SIGN_IN_WRITE}, _plain(services.remove_domain, domain_id=uuid4())),
    "read a content": ({Right.CONTENTS_READ}, _plain(services.read_content, event_id=uuid4())),
    "erase contents": (
        {Right.CONTENTS_ERASE},
        _plain(services.erase_contents, subject=services.Subject("wanda"), reason="a letter"),
    ),
    "destroy the data keys": (
        {Right.CONTENTS_DESTROY},
        _plain(services.destroy_data_keys, confirm="no-such", reason="over"),
    ),
    "export acts": (
        {Right.LEDGER_READ},
        _plain(services.request_export, form="jsonl", selection=Events(kind="act")),
    ),
    "export calls": (
        {Right.LEDGER_READ, Right.CALLS_READ},
        _plain(services.request_export, form="jsonl", selection=Events()),
    ),
    "export acts at once": (
        {Right.LEDGER_READ},
        _plain(services.note_stream, form="csv", selection=Events(kind="act")),
    ),
    "export calls at once": (
        {Right.LEDGER_READ, Right.CALLS_READ},
        _plain(services.note_stream, form="csv", selection=Events()),
    ),
    "make a link to a file of the ledger": (
        {Right.LEDGER_READ},
        _plain(services.link_export, export_id=uuid4()),
    ),
    "delete a file of the ledger": (
        {Right.LEDGER_READ},
        _plain(services.delete_export, export_id=uuid4()),
    ),
    "have an account reconciled": ({Right.RECONCILE_APPROVE}, _plain(runs.request_run, account="main")),
    "say how an account is reconciled": (
        {Right.RECONCILE_APPROVE},
        _plain(sources.save_source, account="main", lag_hours=72),
    ),
    "import a report": (
        {Right.RECONCILE_APPROVE},
        _plain(
            sources.import_csv,
            account="main",
            content=b"Date,Cost\n2026-11-03,1\n",
            mapping={"day": "Date", "amount": "Cost"},
        ),
    ),
    **{
        f"{one.__name__} a difference": (
            {Right.RECONCILE_APPROVE},
            _plain(one, exception_id=uuid4(), **more),
        )
        for one, more in (
            (settling.approve, {}),
            (settling.reject, {"reason": "no"}),
            (settling.close, {"reason": "known"}),
            (settling.assign, {"owner": ""}),
        )
    },
    "save a report": ({Right.REPORTS_WRITE}, _plain(saved.save_report_view, name="Costs", words={})),
    "delete a report": ({Right.REPORTS_WRITE}, _plain(saved.delete_report_view, view_id=uuid4())),
    "save an alert": ({Right.REPORTS_WRITE}, _plain(rules.save_alert, name="Most", percents=[80])),
    "delete an alert": ({Right.REPORTS_WRITE}, _plain(rules.delete_alert, alert_id=uuid4())),
    "propose a price": (
        {Right.PRICES_WRITE},
        _plain(proposals.propose_price, provider="openai", model="gpt-4o", discount_percent=Decimal(5)),
    ),
    "approve a price": ({Right.PRICES_WRITE}, _plain(proposals.approve_price, proposal_id=uuid4())),
    "refuse a price": (
        {Right.PRICES_WRITE},
        _plain(proposals.refuse_price, proposal_id=uuid4(), reason="too dear"),
    ),
    "remove a member": (
        {Right.MEMBERS_WRITE} | BUILT_IN["auditor"],
        _of_member(services.remove_member),
    ),
}
