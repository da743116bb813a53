"""Every page of ours, found by the resolver, with a row for each parameter of its address.

A route that nothing fills, or that is neither a page nor named in OTHERWISE, is an error: no page is left out unnoticed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import resolve

from audit.exports.models import Export
from billing.alerts.models import Alert
from billing.approval.models import PriceProposal
from billing.models import BillException
from billing.reports.models import ReportView
from console import mail
from orbit.lib import access
from quotas.models import ContractPrice
from tenants import models, services
from tenants.models import Organization, Person
from tests.console.conftest import make_person, signed_in
from tests.tenants.routes import PARAMETER, NotFilled, every_route

# The operator's admin is its theme's, the management API has no page but its description, links to other accounts are shut.
ELSEWHERE = re.compile(
    r"^(admin/|api/v1/(?!docs$)|identity/|\.well-known/|accounts/(\(\?:)?(3rdparty|social))"
)

# What a parameter names, when it is a row of the organization.
ROWS: dict[str, tuple[Any, str]] = {
    "project_id": (models.Project, "organization_id"),
    "key_id": (models.ApiKey, "organization_id"),
    "account_id": (models.ProviderAccount, "organization_id"),
    "inspector_id": (models.Inspector, "organization_id"),
    "alias_id": (models.ModelAlias, "organization_id"),
    "role_id": (models.CustomRole, "organization_id"),
    "member_id": (models.Membership, "organization_id"),
    "invitation_id": (models.Invitation, "organization_id"),
    "service_account_id": (models.ServiceAccount, "organization_id"),
    "management_key_id": (models.ManagementKey, "organization_id"),
    "client_id": (models.OAuthClient, "organization_id"),
    "domain_id": (models.Domain, "organization_id"),
    "request_id": (models.PolicyRequest, "organization_id"),
    "view_id": (ReportView, "organization_id"),
    "alert_id": (Alert, "organization_id"),
    "exception_id": (BillException, "organization_id"),
    "price_id": (ContractPrice, "organization_id"),
    "proposal_id": (PriceProposal, "organization_id"),
}
# Routes that answer GET, but not with a page of their own, and why.
OTHERWISE = {
    "home": "leads on to the dashboard, or to the choice",
    "dashboard_csv": "a file",
    "my_usage_csv": "a file",
    "calls_file": "a file",
    "findings_csv": "a file",
    "report_file": "a file",
    "exported": "a file",
    "stream_ledger_file": "a file",
    "ledger_file": "a file, by a link that a page makes",
    "mfa_download_recovery_codes": "a file",
    "policy_trial": "a part of the editor",
    "start_call": "figures for a page's script",
    "sso_callback": "where the provider leads back to",
    "account_set_password": "leads to the change of the password, which everybody has",
    "account_confirm_login_code": "no codes are sent by mail",
    "mfa_authenticate": "in the middle of signing in",
    "mfa_login_webauthn": "for a passkey's script",
    "mfa_reauthenticate_webauthn": "wants a true passkey, as tests/e2e/test_sign_in.py has one",
}


@dataclass(frozen=True)
class Page:
    name: str
    path: str
    visitor: str


@dataclass(frozen=True)
class Place:
    """An organization that has everything, and who visits its pages."""

    organization: Organization
    visitors: Mapping[str, Client]
    values: Mapping[str, str]

    def pages(self, only: Collection[str] = ()) -> list[Page]:
        """All of them, or those of the names in `only`."""
        known = dict(_routes())
        assert {*OTHERWISE} <= {*known.values()}
        found: list[Page] = []
        left_out: list[Any] = []
        for route, name in known.items():
            if name not in OTHERWISE and (not only or name in only):
                page = self._page(route, name, left_out)
                found += [page] if page else []
        assert not left_out, f"neither pages nor named in OTHERWISE: {left_out}"
        return found

    def _page(self, route: str, name: str, left_out: list[Any]) -> Page | None:
        path, seen = self._filled(route, name), []
        for visitor, client in self.visitors.items():
            answer = client.get(path, follow=True)
            if answer.status_code == 405:
                return None  # an act
            there = answer.redirect_chain[-1][0].partition("?")[0] if answer.redirect_chain else path
            seen.append((visitor, answer.status_code, there))
            if answer.status_code == 200 and resolve(there).url_name == name and b"<html" in answer.content:
                return Page(name, path, visitor)
        left_out.append((name, seen))
        return None

    def _filled(self, route: str, name: str) -> str:
        def value(one: re.Match[str]) -> str:
            parameter = one[1] or one[2]
            if parameter not in self.values:
                raise NotFilled(f"{route}: say in {__name__} what {parameter!r} stands for")
            return self.values.get(f"{name} {parameter}", self.values[parameter])

        return "/" + PARAMETER.sub(value, route)


def _routes() -> Iterator[tuple[str, str]]:
    for route, pattern in every_route():
        if not ELSEWHERE.match(route):
            assert pattern.name, f"{route} has no name"
            yield route, pattern.name


def place(organization: Organization, owner: Person, event_id: str) -> Place:
    """`organization` has at least one of each row."""
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_identity_provider(
        **where, issuer="https://id.example.com", client_id="orbit", client_secret="walk-through-the-pages"
    )
    _, token = services.invite(**where, email=f"walk-{organization.slug}@example.org", role="auditor")
    secured = make_person()
    services.add_member(**where, person=secured, role="owner")
    for person in (owner, secured):
        EmailAddress.objects.get_or_create(user=person, email=person.email, verified=True, primary=True)
    newcomer = make_person()
    unconfirmed = EmailAddress.objects.create(user=newcomer, email=newcomer.email)
    passkey = _secure(secured)
    with access.scope(organization_id=organization.pk):
        export = Export.objects.create(
            organization_id=organization.pk,
            format=Export.Format.JSONL,
            asked_by="test",
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
    with access.operator():
        rows = {name: _first(model, field, organization) for name, (model, field) in ROWS.items()}
    values = {
        **{name: row for name, row in rows.items() if row},
        "slug": organization.slug,
        "organization": organization.slug,
        "organization_id": str(organization.pk),
        "policy": "policy-0",
        "event_id": event_id,
        "export_id": str(export.pk),
        "trial_id": "018f0000-0000-7000-8000-000000000000",
        "token": token,
        "name": mail.outbox()[0].name,
        "session_id": "1",
        "pk": str(passkey.pk),
        "uidb36": user_pk_to_url_str(secured),
        "key": EmailConfirmationHMAC(unconfirmed).key,
        "account_reset_password_from_key key": default_token_generator.make_token(secured),
    }
    # Whoever is signed in would be signed out by some of the pages that are for those who are not.
    visitors = {"anonymous": Client(), "owner": _fresh(owner), "secured": _fresh(secured)}
    return Place(organization, visitors, values)


def _first(model: Any, field: str, organization: Organization) -> str:
    row = model._default_manager.filter(**{field: organization.pk}).order_by("pk").first()
    return str(row.pk) if row else ""


def _secure(person: Person) -> Authenticator:
    """With every second factor that there is. The passkey."""
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(person)
    return Authenticator.objects.create(
        user=person, type=Authenticator.Type.WEBAUTHN, data={"name": "Laptop", "credential": {}}
    )


def _fresh(person: Person) -> Client:
    """Pages that change how one signs in want a sign-in of just now, which a test's client makes none."""
    client = signed_in(person)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()
    return client
