"""Who may do what: each service asks for its right, and nobody grants what they lack."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, connections

from audit.exports.selection import Selection as Events
from audit.models import OutboxEntry
from billing.alerts import rules
from billing.approval import proposals
from billing.reconcile import runs, settling, sources
from billing.reports import saved
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas.contracts import set_contract_price
from tenants import services
from tenants.key_list import Selection
from tenants.models import ApiKey, CustomRole, Membership, Organization, Person
from tenants.rights import ALL, BUILT_IN, Right, may
from tenants.services.saved import Saved
from tests.tenants.conftest import Apply, export

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


@pytest.mark.parametrize(
    "role", [one if one == "developer" else pytest.param(one, marks=pytest.mark.full) for one in BUILT_IN]
)
@pytest.mark.parametrize("name", SERVICES)
def test_service_is_open_to_the_roles_of_the_table(
    furnished: Organization, join: Join, role: str, name: str
) -> None:
    needed, make = SERVICES[name]
    do = make(furnished, join)
    allowed = needed <= BUILT_IN[role]
    with nullcontext() if allowed else pytest.raises(PermissionDenied):
        try:
            do(join(role))
        except InputError:  # it came past the check
            assert allowed


@pytest.mark.parametrize("name", SERVICES)
def test_each_right_of_a_service_is_needed(furnished: Organization, join: Join, name: str) -> None:
    """A custom role with all rights but one."""
    needed, make = SERVICES[name]
    for number, lacking in enumerate(sorted(needed)):
        role = f"all-but-{number}"
        where: dict[str, Any] = {"organization_id": furnished.id, "actor": "test"}
        services.save_role(**where, name=role, rights=sorted(ALL - {lacking}))
        with pytest.raises(PermissionDenied, match=lacking):
            make(furnished, join)(join(role))


def test_every_right_to_change_something_is_asked_for_by_a_service() -> None:
    asked = {right for needed, _ in SERVICES.values() for right in needed}
    changing = {right for right in Right if not right.endswith(".read")}
    assert changing - asked == {Right.ORGANIZATION_DELETE}  # which has a test of its own


@pytest.mark.parametrize("role", BUILT_IN)
def test_only_owners_delete_an_organization(furnished: Organization, join: Join, role: str) -> None:
    where: dict[str, Any] = {"organization_id": furnished.id, "actor": join(role)}
    for service in (services.delete_organization, services.restore_organization):
        with nullcontext() if role == "owner" else pytest.raises(PermissionDenied):
            service(**where)


@pytest.mark.parametrize("service", [services.suspend_organization, services.resume_organization])
def test_only_operators_suspend_an_organization(
    furnished: Organization, join: Join, service: Callable[..., object]
) -> None:
    given = {} if service is services.resume_organization else {"reason": "a leak"}
    with pytest.raises(PermissionDenied, match="operator"):
        service(organization_id=furnished.id, actor=join("owner"), **given)


def test_members_of_another_organization_have_no_right(
    furnished: Organization, other: Organization, join: Join
) -> None:
    stranger = services.add_member(
        organization_id=other.id, person=make_person(), role="owner", actor="test"
    ).row
    for _, make in SERVICES.values():
        with pytest.raises(PermissionDenied):
            make(furnished, join)(stranger)


def test_a_removed_or_demoted_member_has_no_right_left(furnished: Organization, join: Join) -> None:
    """Although the page was opened before."""
    where: dict[str, Any] = {"organization_id": furnished.id}
    removed, demoted, deactivated = join("admin"), join("admin"), join("admin")
    deactivated.person.is_active = False
    deactivated.person.save()
    services.remove_member(**where, member_id=removed.pk, actor="test")
    services.change_role(**where, member_id=demoted.pk, role="auditor", actor="test")
    for actor in (removed, demoted, deactivated):
        with pytest.raises(PermissionDenied):
            services.issue_key(**where, project="bot", name="late", actor=actor)


def test_nobody_grants_what_they_lack(furnished: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": furnished.id, "actor": join("admin")}
    owner, plain = join("owner"), join("developer")
    for refused in (
        lambda: services.change_role(**where, member_id=plain.pk, role="owner"),
        lambda: services.change_role(**where, member_id=owner.pk, role="auditor"),
        lambda: services.remove_member(**where, member_id=owner.pk),
        lambda: services.save_role(**where, name="more", rights=sorted(ALL)),
    ):
        with pytest.raises(PermissionDenied, match=r"organization\.delete"):
            refused()
    services.save_role(organization_id=furnished.id, name="all", rights=sorted(ALL), actor="test")
    for refused in (
        lambda: services.save_role(**where, name="all", rights=[]),
        lambda: services.delete_role(**where, name="all"),
        lambda: services.change_role(**where, member_id=plain.pk, role="all"),
    ):
        with pytest.raises(PermissionDenied, match=r"organization\.delete"):
            refused()


def test_a_key_under_no_policy_is_not_opened_by_who_only_issues_keys(
    furnished: Organization, join: Join
) -> None:
    where: dict[str, Any] = {"organization_id": furnished.id}
    services.update_organization(**where, policy=None, actor="test")
    with pytest.raises(PermissionDenied, match=r"policies\.attach"):
        services.issue_key(**where, project="bot", name="new", policy="default", actor=join("developer"))
    services.issue_key(**where, project="bot", name="new", actor=join("developer"))


def test_the_last_owner_stays(organization: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    owner = join("owner")

    def refused() -> None:
        with pytest.raises(InputError, match="last owner"):
            services.remove_member(**where, member_id=owner.pk)
        with pytest.raises(InputError, match="last owner"):
            services.change_role(**where, member_id=owner.pk, role="admin")
        with pytest.raises(InputError, match="last owner"):
            services.add_member(**where, person=owner.person, role="admin")

    refused()
    second = join("owner")
    second.person.is_active = False
    second.person.save()
    refused()
    second.person.is_active = True
    second.person.save()
    services.change_role(**where, member_id=owner.pk, role="admin")


def test_owners_who_remove_each_other_at_once_leave_one(organization: Organization, join: Join) -> None:
    owners = [join("owner") for _ in range(6)]

    def remove(number: int) -> None:
        try:
            services.remove_member(
                organization_id=organization.id,
                member_id=owners[(number + 1) % len(owners)].pk,
                actor=owners[number],
            )
        except (InputError, PermissionDenied):
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=(number,)) for number in range(len(owners))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with access.scope(organization_id=organization.id):
        assert 1 <= Membership.objects.filter(role="owner").count() < len(owners)


def test_changes_of_members_and_roles_are_acts(organization: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": organization.id}
    owner, member = join("owner"), join("auditor")
    services.save_role(**where, name="reader", rights=["calls.read", "usage.read"], actor=owner)
    services.save_role(**where, name="reader", rights=["usage.read", "calls.read"], actor=owner)  # the same
    services.change_role(**where, member_id=member.pk, role="reader", actor=owner)
    services.remove_member(**where, member_id=member.pk, actor=owner)
    services.delete_role(**where, name="reader", actor=owner)
    with access.scope(organization_id=organization.id):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")][-4:]
    email = member.person.email
    assert {act["actor"] for act in acts} == {owner.person.email}
    rights = {"rights": ["usage.read", "calls.read"]}
    assert [(act["action"], act["target"], act["before"], act["after"]) for act in acts] == [
        ("role.create", "reader", None, rights),
        ("member.update", email, {"role": "auditor"}, {"role": "reader"}),
        ("member.remove", email, {"role": "reader"}, None),
        ("role.delete", "reader", rights, None),
    ]


def test_custom_roles_rights_are_those_of_its_holders_at_once(organization: Organization, join: Join) -> None:
    where: dict[str, Any] = {"organization_id": organization.id, "actor": "test"}
    services.save_role(**where, name="reader", rights=["usage.read"])
    member = join("reader")
    services.save_role(**where, name="reader", rights=["calls.read"])
    with access.scope(person_id=member.person_id):
        held = Membership.objects.select_related("custom_role").get()
    assert held.role_name == "reader"
    assert may(held, Right.CALLS_READ)
    assert not may(held, Right.USAGE_READ)


def test_custom_role_names_and_rights_are_checked(organization: Organization, join: Join) -> None:
    def save(name: str, *rights: str) -> Saved[CustomRole]:
        return services.save_role(organization_id=organization.id, name=name, rights=rights, actor="test")

    for name, rights, message in (
        ("owner", ("usage.read",), "built in"),
        ("Two words", ("usage.read",), "name"),
        ("new", ("usage.reed",), "did you mean 'usage.read'"),
    ):
        with pytest.raises(InputError, match=message):
            save(name, *rights)
    save("held", "usage.read")
    join("held")
    with pytest.raises(InputError, match="members still have"):
        services.delete_role(organization_id=organization.id, name="held", actor="test")


def test_a_person_sees_only_the_custom_role_that_they_hold(organization: Organization, join: Join) -> None:
    for name in ("mine", "theirs"):
        services.save_role(organization_id=organization.id, name=name, rights=["usage.read"], actor="test")
    member = join("mine")
    join("theirs")
    with access.scope(person_id=member.person_id), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM tenants_customrole")
        assert cursor.fetchall() == [("mine",)]


def test_a_word_that_is_no_right_any_more_gives_nothing(organization: Organization) -> None:
    role = CustomRole(organization=organization, name="old", words=["usage.read", "gone.with.the.wind"])
    assert role.rights == {Right.USAGE_READ}


def test_file_makes_changes_and_prunes_custom_roles(apply: Apply, slug: str) -> None:
    entry: dict[str, Any] = {
        "slug": slug,
        "roles": [{"name": "reader", "rights": ["calls.read", "usage.read"]}, {"name": "empty"}],
    }
    assert [step["kind"] for step in apply(entry).json["plan"]] == ["organization", "role", "role"]
    assert apply(entry).json["changed"] is False
    assert export(slug)["roles"] == [
        {"name": "empty", "rights": []},
        {"name": "reader", "rights": ["usage.read", "calls.read"]},
    ]
    assert apply(export(slug)).json["changed"] is False
    entry["roles"] = [{"name": "reader", "rights": ["usage.read"]}]
    plan = apply(entry, options=("--json", "--prune")).json["plan"]
    assert [(step["op"], step["path"], step["fields"]) for step in plan] == [
        ("update", f"{slug}/reader", ["rights"]),
        ("delete", f"{slug}/empty", []),
    ]
    with access.operator():
        organization_id = Organization.objects.get(slug=slug).pk
    services.add_member(organization_id=organization_id, person=make_person(), role="reader", actor="test")
    refused = apply({"slug": slug}, options=("--json", "--prune"))
    assert "members still have 'reader'" in refused.error_at("organizations[0].role")["message"]
    for roles, path, message in (
        ([{"name": "owner"}], "roles[0].name", "built in"),
        ([{"name": "x", "rights": ["usage.reed"]}], "roles[0].rights[0]", "not known"),
        ([{"name": "x"}, {"name": "x"}], "roles[1].name", "already"),
    ):
        error = apply({"slug": slug, "roles": roles}).error_at(f"organizations[0].{path}")
        assert message in error["message"]
