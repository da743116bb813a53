"""Organizations with one thing of every kind, so that each path of the management API leads to something."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from audit.exports.selection import Selection
from audit.models import Event
from billing.alerts.rules import save_alert
from billing.approval.proposals import propose_price
from billing.models import BillException, Run
from billing.reports.saved import save_report_view
from orbit.lib import access
from orbit.lib.ids import uuid7
from quotas.contracts import set_contract_price
from tenants import services
from tenants.api.inventory import Route
from tenants.models import Organization
from tests.console.conftest import make_person


@dataclass(frozen=True)
class Place:
    """`values`: what stands behind each part of a path, such as a key's id behind `keys`."""

    organization: Organization
    values: Mapping[str, str]

    def path(self, route: Route, organization: str = "") -> str:
        """Fails for a part that nobody has said anything of: say it in `furnished` or `of_operators`."""
        filled: list[str] = []
        for part in route.path.split("/"):
            if not part.startswith("<"):
                filled.append(part)
            elif part == "<slug:organization>":
                filled.append(organization or self.organization.slug)
            else:
                what = next(one for one in reversed(route.path.split(part)[0].split("/")) if one)
                inside = route.path.startswith("organizations/")
                filled.append(self.values[what if inside else f"/{what}"])
        return "/".join(filled)


class _Unused(Mapping[str, str]):
    """For each part of a path what nobody has."""

    def __getitem__(self, what: str) -> str:
        if what in ("revisions", "contract-prices", "/people"):
            return "987654321"
        named = ("projects", "policies", "roles", "provider-accounts", "inspectors", "accounts", "models")
        return "no-such" if what in named else str(uuid4())

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


NOWHERE = Place(Organization(slug="no-such"), _Unused())


def _reconciled(organization: Organization, account: str) -> BillException:
    day = datetime.now(UTC).date()
    with access.scope(organization_id=organization.pk):
        named: dict[str, Any] = {
            "organization_id": organization.pk,
            "account_id": uuid4(),
            "account": account,
        }
        run = Run.objects.create(
            **named,
            connector="openai",
            since=day,
            until=day + timedelta(days=1),
            asked_by="test",
            state="done",
        )
        return BillException.objects.create(
            **named, run_id=run.pk, day=day, model="gpt-4o", cause="outside", currency="USD"
        )


def furnished() -> Place:
    mark = secrets.token_hex(4)
    name = f"m-{mark}"
    organization = services.create_organization(slug=name, actor="test")
    where: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    limit = {"name": "rpm", "meter": "requests", "per": "minute", "limit": 60}
    services.save_policy(**where, name=name, document={"limits": [limit]})
    services.save_project(**where, slug=name, name="A project")
    services.save_role(**where, name=name, rights=["usage.read"])
    services.save_account(**where, name=name, kind="openai")
    services.save_inspector(**where, name=name, kind="openai_moderation")
    services.save_model(**where, alias=f"vendor/{name}", targets=[services.NewTarget(name, "gpt-4o")])
    member = services.add_member(**where, person=make_person(), role="owner").row
    services.add_member(**where, person=make_person(), role="owner")
    request = services.request_more(
        **where,
        policy=name,
        limit="rpm",
        amount="90",
        until=datetime.now(UTC) + timedelta(days=1),
        reason="a trial",
    )
    account = services.create_service_account(**where, project=name, name=name).row
    call = str(_call(organization))
    price = set_contract_price(
        **where, provider="openai", model="gpt-4o", rates={"input": 1, "output": 1}
    ).row
    services.set_ceiling(**where, document={"limits": [limit]})
    reconciled = _reconciled(organization, name)
    return Place(
        organization,
        {
            "projects": name,
            "policies": name,
            "revisions": "1",
            "roles": name,
            "provider-accounts": name,
            "inspectors": name,
            "models": f"vendor/{name}",
            "members": str(member.pk),
            "requests": str(request.pk),
            "service-accounts": str(account.pk),
            "contract-prices": str(price.pk),
            "invitations": str(services.invite(**where, email=f"{name}@example.org", role="auditor")[0].pk),
            "keys": str(services.issue_key(**where, project=name, name="main")[0].pk),
            "management-keys": _id(services.issue_management_key, **where),
            "oauth-clients": _id(services.issue_oauth_client, **where),
            "price-proposals": str(
                propose_price(**where, provider="openai", model="gpt-4o", discount_percent=Decimal(5)).pk
            ),
            "alerts": str(
                save_alert(**where, name=name, percents=[80], hook_url="https://example.com/x").row.pk
            ),
            "report-views": str(save_report_view(**where, name=name, words={}).row.pk),
            "calls": call,
            "events": call,
            "runs": str(reconciled.run_id),
            "exceptions": str(reconciled.pk),
            "accounts": name,
            "exports": str(_export(**where)),
            **of_operators(),
        },
    )


def of_operators() -> dict[str, str]:
    """What belongs to no organization. It may be changed by whoever may."""
    return {"/oauth-clients": _id(services.issue_operator_client), "/people": str(make_person().pk)}


def _id(issue: Any, **where: Any) -> str:
    given = {"actor": "test", **where}
    return str(issue(**given, name=f"x-{secrets.token_hex(4)}", scopes=["usage.read"])[0].pk)


def _export(**where: Any) -> UUID:
    asked = services.request_export(**where, form="jsonl", selection=Selection(kind="act"))
    while services.advance_export(organization_id=where["organization_id"], export_id=asked.pk):
        pass
    return asked.pk


def _call(organization: Organization) -> UUID:
    now = datetime.now(UTC)
    event = Event(
        event_id=uuid7(),
        kind="call",
        organization_id=organization.pk,
        organization=organization.slug,
        seq=1,
        shard=32_000,  # no writer's
        shard_seq=secrets.randbits(50),
        request_id=uuid7(),
        admitted_at=now,
        recorded_at=now,
        project="bot",
        model="fast",
        endpoint="chat/completions",
        status="settled",
        usage_source="provider",
        currency="USD",
        detail={"attempts": []},
        prev_hash="0",
        hash=secrets.token_hex(16),
    )
    with access.ledger():
        event.save(force_insert=True)
    return event.event_id
