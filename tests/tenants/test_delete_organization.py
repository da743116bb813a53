"""Deleted at once, restorable for a while, then purged of all but the books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from audit.models import ChainHead, CheckpointHead, DroppedMonth, Event, OutboxEntry, Skeleton
from billing.approval.models import PriceProposal
from billing.models import BilledRow, BillException, Comparison, Run
from orbit.lib import access
from orbit.lib.errors import InputError
from quotas.models import (
    ContractPrice,
    DirtyBucket,
    FacetValue,
    FindingBucket,
    FindingDay,
    UsageBucket,
    UsageDay,
    UsageFacet,
    UsageTotal,
)
from tenants import services
from tenants.models import ApiKey, Membership, Organization, Person
from tenants.services import deletion
from tenants.tasks import purge_organizations
from tests.tenants.conftest import Apply, run
from tests.tenants.every_table import MODELS, full  # noqa: F401  (a fixture)

# The books, and what they are read by.
ROLLUPS = {DirtyBucket, FacetValue, FindingBucket, FindingDay, UsageBucket, UsageDay, UsageFacet, UsageTotal}
LEDGER = {ChainHead, CheckpointHead, DroppedMonth, Event, OutboxEntry, Skeleton}
BILLS = {BilledRow, BillException, Comparison, Run}
KEPT = {ContractPrice, PriceProposal, Organization, *LEDGER, *ROLLUPS, *BILLS}

Full = Callable[[str], UUID]


def row(organization_id: UUID) -> Organization:
    with access.operator():
        return Organization.objects.get(pk=organization_id)


def rows(organization_id: UUID) -> dict[str, int]:
    """How many there are, by model."""
    with access.operator():
        return {
            model.__name__: model._default_manager.filter(
                **{"pk" if model is Organization else "organization_id": organization_id}
            ).count()
            for model in MODELS
        }


def run_out(organization_id: UUID) -> None:
    """As if its time were over."""
    past = timezone.now() - timedelta(seconds=1)
    with access.scope(organization_id=organization_id):
        Organization.objects.update(deleted_at=past, purge_at=past)


def acts(organization_id: UUID) -> list[str]:
    with access.scope(organization_id=organization_id):
        return [entry.event["detail"]["action"] for entry in OutboxEntry.objects.order_by("id")]


def test_deleted_organization_can_be_restored(full: Full, slug: str, settings: Any) -> None:  # noqa: F811
    settings.ORBIT_DELETION_DAYS = 7
    organization_id = full(slug)
    before = rows(organization_id)
    assert "restore_organization undoes it" in run("delete_organization", slug).out
    deleted = row(organization_id)
    assert deleted.deleted_at is not None
    assert deleted.purge_at == deleted.deleted_at + timedelta(days=7)
    services.delete_organization(organization_id=organization_id, actor="test")
    assert row(organization_id).purge_at == deleted.purge_at
    purge_organizations()
    assert run("restore_organization", slug).code == 0
    assert row(organization_id).deleted_at is None
    after = rows(organization_id)
    assert {name: after[name] for name in before if name != "OutboxEntry"} == {
        name: before[name] for name in before if name != "OutboxEntry"
    }
    assert acts(organization_id)[-2:] == ["organization.delete", "organization.restore"]


def test_members_of_a_deleted_organization_only_look_and_restore(full: Full, slug: str) -> None:  # noqa: F811
    organization_id = full(slug)
    where: dict[str, Any] = {"organization_id": organization_id}
    with access.scope(**where):
        owner = Membership.objects.get(role="owner")
    invitation, token = services.invite(**where, email="late@example.com", role="auditor", actor=owner)
    services.delete_organization(**where, actor=owner)
    with pytest.raises(PermissionDenied, match="deleted"):
        services.issue_key(**where, project="chatbot", name="late", actor=owner)
    assert services.find_invitation(**where, token=token) is None
    with pytest.raises(InputError, match="no longer open"):
        services.accept_invitation(**where, token=token, person=owner.person)
    services.restore_organization(**where, actor=owner)
    assert services.find_invitation(**where, token=token) == invitation


def test_file_changes_no_deleted_organization(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    run("delete_organization", slug)
    answer = apply(entry | {"name": "Other"})
    assert answer.code == 2
    assert "is deleted" in answer.error_at("organizations[0].slug")["message"]
    assert run("export", "--organization", slug).code == 0


def test_purge_leaves_the_books_alone(full: Full, slug: str) -> None:  # noqa: F811
    organization_id, other = full(slug), full(f"{slug}-b")
    before, others = rows(organization_id), rows(other)
    services.delete_organization(organization_id=organization_id, actor="test")
    run_out(organization_id)
    with pytest.raises(InputError, match="time is over"):
        services.restore_organization(organization_id=organization_id, actor="test")
    assert purge_organizations() >= 1
    left = {name for name, count in rows(organization_id).items() if count}
    assert left == {model.__name__ for model in KEPT}
    for model in KEPT - {OutboxEntry}:
        assert rows(organization_id)[model.__name__] == before[model.__name__]
    assert rows(other) == others
    purged = row(organization_id)
    assert purged.purged_at is not None
    assert (purged.name, purged.policy, purged.ceiling) == (slug, None, None)
    assert acts(organization_id)[-1] == "organization.purge"
    purge_organizations()
    assert acts(organization_id).count("organization.purge") == 1
    with pytest.raises(InputError, match="taken"):
        services.create_organization(slug=slug, actor="test")
    assert Person.objects.filter(email=f"{slug}@example.com").exists()


def test_purge_that_is_cut_short_goes_on(
    full: Full,  # noqa: F811
    slug: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deletion, "AT_ONCE", 1)
    organization_id = full(slug)
    services.delete_organization(organization_id=organization_id, actor="test")
    run_out(organization_id)
    with monkeypatch.context() as broken:
        broken.setattr(deletion, "_GOING", (*deletion._GOING[: deletion._GOING.index(ApiKey) + 1], None))
        with pytest.raises(AttributeError):
            purge_organizations()
    assert row(organization_id).purged_at is None
    assert rows(organization_id)["ApiKey"] == 0
    purge_organizations()
    assert row(organization_id).purged_at is not None
    assert rows(organization_id)["Membership"] == 0


@pytest.mark.parametrize(
    "table", ["apikey", "formersecret", "invitation", "keyuse", "project", "serviceaccount"]
)
def test_database_deletes_nothing_before_the_time_is_over(full: Full, slug: str, table: str) -> None:  # noqa: F811
    organization_id = full(slug)
    services.delete_organization(organization_id=organization_id, actor="test")
    with access.scope(organization_id=organization_id), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM tenants_{table}")
        assert cursor.rowcount == 0
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute("DELETE FROM tenants_organization")
    with access.operator():
        assert ApiKey.objects.filter(organization_id=organization_id).count() == 2


def test_nothing_is_purged_before_its_time(full: Full, slug: str) -> None:  # noqa: F811
    organization_id = full(slug)
    before = rows(organization_id)
    with pytest.raises(InputError, match="restored"):
        services.purge_organization(organization_id=organization_id, actor="test")
    services.delete_organization(organization_id=organization_id, actor="test")
    with pytest.raises(InputError, match="restored"):
        services.purge_organization(organization_id=organization_id, actor="test")
    assert rows(organization_id) == before | {"OutboxEntry": before["OutboxEntry"] + 1}


@pytest.mark.parametrize("command", ["delete_organization", "restore_organization"])
def test_unknown_organization_is_refused(command: str) -> None:
    assert run(command, "no-such").code == 2
