"""An organization with rows in every table, so that seeing none of another's says something."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import (
    models,
)
from django.utils import timezone

from audit.exports.models import Export
from audit.exports.selection import Selection
from audit.models import (
    ChainHead,
    Checkpoint,
    CheckpointHead,
    CheckpointKey,
    Content,
    DeadLetter,
    DroppedMonth,
    Event,
    Incident,
    ShardPosition,
    Skeleton,
)
from audit.sinks.models import Sink, SinkChange, SinkCursor, SinkDeadLetter
from billing.alerts.models import Notice, NoticeDelivery
from billing.alerts.rules import save_alert
from billing.approval.proposals import propose_price
from billing.models import BilledRow, BillException, BillSource, Comparison, Run
from billing.reports.models import ReportMail
from billing.reports.saved import save_report_view
from orbit.lib import access
from quotas.models import (
    DirtyBucket,
    FacetValue,
    FindingBucket,
    FindingDay,
    UsageBucket,
    UsageDay,
    UsageFacet,
    UsageTotal,
)
from tenants.models import (
    ApiKey,
    FormerSecretUse,
    IdempotentAnswer,
    KeyUse,
    Organization,
    Person,
    ProviderAccount,
    ProviderSession,
)
from tenants.services import (
    Subject,
    add_domain,
    add_member,
    advance_export,
    create_service_account,
    erase_contents,
    invite,
    issue_management_key,
    issue_oauth_client,
    keep_objects,
    newest_data_key,
    request_export,
    request_more,
    rotate_key,
    save_identity_provider,
    save_inspector,
    save_role,
)
from tests.tenants.conftest import Apply

# Of no organization, and without a right for the app where it says so in docs/architecture.md.
NOBODYS = {
    ShardPosition,
    DeadLetter,
    Checkpoint,
    CheckpointKey,
    Incident,
    Sink,
    SinkChange,
    SinkCursor,
    SinkDeadLetter,
}


def _scoped_models() -> list[type[models.Model]]:
    """Every model whose rows belong to an organization."""
    found = [
        model
        for model in apps.get_models()
        if model is Organization
        or "organization_id" in {field.attname for field in model._meta.concrete_fields}
    ]
    assert not NOBODYS & set(found)
    return found


MODELS = _scoped_models()


@pytest.fixture
def full(apply: Apply, entry: dict[str, Any], slug: str) -> Callable[[str], UUID]:
    """An organization with rows in every table, so that seeing none of another's says something."""

    def made(name: str) -> UUID:
        assert apply(entry | {"slug": name}).code == 0
        return furnish(name, entry)

    return made


def furnish(name: str, entry: dict[str, Any]) -> UUID:
    """What an organization of the file lacks to have a row in every table."""
    with access.operator():
        organization_id = Organization.objects.get(slug=name).id
    person = Person.objects.create_user(f"{name}@example.com", "long-enough-for-a-test")
    add_member(organization_id=organization_id, person=person, role="owner", actor="test")
    save_role(organization_id=organization_id, name="reader", rights=["usage.read"], actor="test")
    create_service_account(organization_id=organization_id, project="chatbot", name="bot", actor="test")
    invite(organization_id=organization_id, email=f"new-{name}@example.com", role="reader", actor="test")
    _sign_in(organization_id, person)
    save_inspector(organization_id=organization_id, name="watch", kind="openai_moderation", actor="test")
    _fill_ledger(organization_id, name)
    _keep_response(organization_id, name)
    _rotate(organization_id)
    request_more(
        organization_id=organization_id,
        policy="default",
        limit=entry["policies"][0]["limits"][0]["name"],
        amount="1000000",
        until=timezone.now() + timedelta(days=1),
        reason="test",
        actor="test",
    )
    _automate(organization_id)
    _store_content(organization_id)
    _export_ledger(organization_id)
    _report(organization_id)
    _reconcile(organization_id)
    return organization_id


# What a notice says of a budget.
SPENT = {
    **dict.fromkeys(("budget", "level", "object", "per"), "month"),
    **dict.fromkeys(("models", "expected_nano", "low_nano", "high_nano", "starts_at", "ends_at")),
    "currency": "USD",
    "limit_nano": 10,
    "spent_nano": 8,
    "percent": 80.0,
    "time_zone": "UTC",
    "shadow": False,
}


def _report(organization_id: UUID) -> None:
    """A saved report that was mailed, an alert that spoke, a price that was proposed."""
    propose_price(
        organization_id=organization_id,
        actor="test",
        provider="openai",
        model="gpt-4o",
        rates={"input": 1, "output": 1},
    )
    view = save_report_view(organization_id=organization_id, actor="test", name="Costs", words={}).row
    now = timezone.now()
    with access.scope(organization_id=organization_id):
        ReportMail.objects.create(organization_id=organization_id, view=view, period=now, claimed_at=now)
    alert = save_alert(
        organization_id=organization_id,
        actor="test",
        name="Alert",
        percents=[80],
        hook_url="https://example.com/x",
    ).row
    with access.scope(organization_id=organization_id):
        notice = Notice.objects.create(
            organization_id=organization_id,
            alert_id=alert.pk,
            alert_name="Alert",
            counter="c",
            starts_at=now,
            threshold="80",
            facts=SPENT,
        )
        NoticeDelivery.objects.create(
            organization_id=organization_id, notice=notice, way="webhook", to="example.com"
        )


def _export_ledger(organization_id: UUID) -> None:
    """A file that is made, and what one says that failed."""
    where: dict[str, Any] = {"organization_id": organization_id}
    export = request_export(**where, actor="test", form="parquet", selection=Selection())
    while advance_export(**where, export_id=export.pk):
        pass
    with access.scope(organization_id=organization_id):
        Export.objects.update(problem="none so far")


def _reconcile(organization_id: UUID) -> None:
    """A run over an account, the report that it pulled, what it compared and what it found."""
    now = timezone.now()
    with access.scope(organization_id=organization_id):
        account = ProviderAccount.objects.order_by("name")[0]
        BillSource.objects.create(organization_id=organization_id, account=account, own_keys=["key_1"])
        of_account: dict[str, Any] = {"organization_id": organization_id, "account_id": account.pk}
        named = of_account | {"account": account.name}
        days = {"since": now.date(), "until": now.date() + timedelta(days=1)}
        run = Run.objects.create(**named, connector="openai", asked_by="test", problem="none", **days)
        of_day: dict[str, Any] = {"run_id": run.pk, "day": now.date(), "model": "fast"}
        BilledRow.objects.create(**of_account, **of_day, kind="usage", starts_at=now, key="key_1")
        Comparison.objects.create(**named, **of_day, final=True)
        BillException.objects.create(**named, **of_day, cause="price", currency="USD")


def _store_content(organization_id: UUID) -> None:
    """What only calls leave behind, under a policy that has it stored."""
    key, now = newest_data_key(organization_id=organization_id), timezone.now()
    with access.scope(organization_id=organization_id):
        Content.objects.create(
            organization_id=organization_id,
            event_id=uuid4(),
            part="request",
            generation=key.generation,
            sealed=b"sealed",
            mode="full",
            content_type="application/json",
            spoken="openai/chat/completions",
            size=1,
            truncated=False,
            key_id=uuid4(),
            admitted_at=now,
            expires_at=now + timedelta(days=1),
        )
    erase_contents(organization_id=organization_id, actor="test", subject=Subject("nobody"), reason="test")


def _sign_in(organization_id: UUID, person: Person) -> None:
    add_domain(organization_id=organization_id, name="example.com", actor="test")
    save_identity_provider(
        organization_id=organization_id,
        actor="test",
        issuer="https://login.example.com",
        client_id="orbit",
        client_secret="oidc-secret",
        groups=[("engineers", "reader")],
    )
    now = timezone.now()
    with access.scope(organization_id=organization_id):
        ProviderSession.objects.create(
            organization_id=organization_id,
            person=person,
            subject="sub",
            source=ProviderSession.Source.USERINFO,
            access_sealed=b"sealed",
            asked_at=now,
            confirmed_at=now,
        )


def _keep_response(organization_id: UUID, slug: str) -> None:
    """What only calls leave behind."""
    with access.scope(organization_id=organization_id):
        key = ApiKey.objects.all()[0]
        account_id = ProviderAccount.objects.values_list("pk", flat=True)[0]
    keep_objects(
        organization_id=organization_id,
        project_id=key.project_id,
        key_id=key.pk,
        account_id=account_id,
        model="fast",
        response_id=f"resp_{slug}",
        objects={f"resp_{slug}": "response", f"msg_{slug}": "item"},
    )


def _automate(organization_id: UUID) -> None:
    """A key and a client of the management API, and what a creation by it was answered."""
    issue_management_key(organization_id=organization_id, name="ci", scopes=["usage.read"], actor="test")
    issue_oauth_client(organization_id=organization_id, name="ci", scopes=["usage.read"], actor="test")
    with access.scope(organization_id=organization_id):
        IdempotentAnswer.objects.create(
            organization_id=organization_id, caller="ci", key="once", fingerprint=b"f"
        )


def _rotate(organization_id: UUID) -> None:
    with access.scope(organization_id=organization_id):
        key_id = ApiKey.objects.values_list("pk", flat=True)[0]
    rotate_key(organization_id=organization_id, key_id=key_id, actor="test")


def _fill_ledger(organization_id: UUID, slug: str) -> None:
    """What only the ledger's writer may write."""
    now = timezone.now()
    with access.ledger():
        ChainHead.objects.create(organization_id=organization_id, seq=1, hash="0")
        CheckpointHead.objects.create(
            organization_id=organization_id, number=0, seq=0, head="{}", proof={"index": 0, "path": []}
        )
        DirtyBucket.objects.create(organization_id=organization_id, starts_at=now, reason="test")
        FormerSecretUse.objects.create(organization_id=organization_id, secret_id=uuid4(), used_at=now)
        KeyUse.objects.create(organization_id=organization_id, key_id=uuid4(), used_at=now)
        where: dict[str, Any] = {"organization_id": organization_id, "starts_at": now, "currency": "USD"}
        for table in (UsageBucket, UsageDay):
            table.objects.create(**where, project_id=uuid4(), key_id=uuid4(), model="fast")
        UsageTotal.objects.create(**where)
        found: dict[str, Any] = {"kind": "SECRET", "direction": "request", "action": "mask", "shadow": False}
        for findings in (FindingBucket, FindingDay):
            findings.objects.create(organization_id=organization_id, starts_at=now, **found)
        UsageFacet.objects.create(**where, project_id=uuid4(), facet="end_user", value="ada")
        FacetValue.objects.create(
            organization_id=organization_id, day=now.date(), facet="end_user", value="ada"
        )
        DroppedMonth.objects.create(
            organization_id=organization_id, month=now.date(), retention=30, events=1, first_seq=1, last_seq=1
        )
        Skeleton.objects.create(
            event_id=uuid4(),
            organization_id=organization_id,
            seq=1,
            kind="act",
            admitted_at=now,
            prev_hash=b"0",
            hash=b"0",
        )
        Event.objects.create(
            event_id=uuid4(),
            kind="act",
            organization_id=organization_id,
            organization=slug,
            seq=1,
            shard=32_000,  # no writer's
            shard_seq=secrets.randbits(62),
            admitted_at=now,
            recorded_at=now,
            prev_hash="0",
            hash="0",
        )
