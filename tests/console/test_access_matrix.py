"""Every page of an organization, found by the resolver, as every role, in one's own organization and in another's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from billing.alerts.rules import save_alert
from billing.approval.proposals import propose_price
from billing.models import BillException
from billing.reports.saved import save_report_view
from console.urls import urlpatterns
from orbit.lib import access
from tenants import services
from tenants.models import Person
from tenants.rights import ALL, BUILT_IN, Right
from tests.console.conftest import Tenant, make_person, signed_in, unused_id

PAGES: list[Any] = [one for one in urlpatterns if "slug" in one.pattern.converters]


def rights_of(role: str) -> frozenset[Right]:
    """A role `without:RIGHT` has all but that one."""
    return ALL - {Right(role.partition(":")[2])} if ":" in role else BUILT_IN[role]


def joined(tenant: Tenant, role: str) -> Person:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    name = role.replace(":", "-").replace(".", "-")
    if ":" in role:
        services.save_role(**where, name=name, rights=sorted(rights_of(role)))
    person = make_person()
    services.add_member(**where, person=person, role=name)
    return person


# Pages of one row, which must be there. Whatever changes a row takes any id, and says that there is no such row.
OF_A_ROW = {
    "call",
    "call_content",
    "event",
    "project",
    "model",
    "edit_model",
    "account",
    "edit_account",
    "inspector",
    "edit_inspector",
    "key",
    "edit_role",
    "member",
    "saved_report",
    "alert",
    "bill_exception",
    "price_proposal",
    "bill_source",
}


NO_PRICE = 2**40  # the number of a contract price that there is not


def rows_of(tenant: Tenant) -> dict[str, Any]:
    """A row for each parameter of such a page."""
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    account = services.save_account(
        **where, name="main", kind="vllm", base_url="https://llm.example.com/v1"
    ).row
    inspector = services.save_inspector(**where, name="watch", kind="openai_moderation").row
    alias = services.save_model(**where, alias="fast", targets=[services.NewTarget("main", "qwen3")]).row
    key, _ = services.issue_key(**where, project=tenant.project.slug, name="production")
    role = services.save_role(**where, name="reader", rights=["organization.read"]).row
    member = services.add_member(**where, person=make_person(), role="auditor").row
    return {
        "event_id": tenant.call(datetime.now(UTC)).event_id,
        "project_id": tenant.project.pk,
        "account_id": account.pk,
        "inspector_id": inspector.pk,
        "alias_id": alias.pk,
        "key_id": key.pk,
        "role_id": role.pk,
        "member_id": member.pk,
        "alert_id": save_alert(**where, name="A", percents=[80], hook_url="https://example.com/x").row.pk,
        "view_id": save_report_view(**where, name="Costs", words={}).row.pk,
        "exception_id": _exception(where["organization_id"]),
        "proposal_id": propose_price(
            **where, provider="vllm", model="qwen3", rates={"input": 1, "output": 1}
        ).pk,
    }


def _exception(organization_id: UUID) -> UUID:
    with access.scope(organization_id=organization_id):
        made = BillException.objects.create(
            organization_id=organization_id,
            run_id=unused_id(),
            account_id=unused_id(),
            account="main",
            day=datetime.now(UTC).date(),
            model="qwen3",
            cause="price",
            currency="USD",
        )
    return made.pk


def address(page: URLPattern, tenant: Tenant, rows: dict[str, Any] | None = None) -> str:
    given: dict[str, Any] = {name: unused_id() for name in page.pattern.converters}
    if page.name in OF_A_ROW:
        given |= {name: row for name, row in (rows or {}).items() if name in given}
    if "policy" in given:
        given["policy"] = "default"
    if "price_id" in given:
        given["price_id"] = NO_PRICE
    return reverse(page.name or "", kwargs=given | {"slug": tenant.organization.slug})


def answers(client: Client, path: str) -> Iterator[int]:
    """To whichever of the two methods the page takes."""
    for status in (client.get(path).status_code, client.post(path, {"role": "auditor"}).status_code):
        if status != 405:
            yield status


def test_every_page_of_an_organization_declares_its_right() -> None:
    assert len(PAGES) >= 7
    declared = {page.name: getattr(page.callback, "rights", None) for page in PAGES}
    assert [
        name
        for name, rights in declared.items()
        if not rights or not all(isinstance(one, Right) for one in rights)
    ] == []


LACKING = sorted({f"without:{right}" for page in PAGES for right in page.callback.rights})
OF_ANOTHER = {"member": {Right.MEMBERS_READ}}  # on top, for a row that is not one's own


USUAL = ("owner", "developer")


@pytest.mark.parametrize(
    "role",
    [
        *USUAL,
        *(pytest.param(one, marks=pytest.mark.full) for one in (*BUILT_IN, *LACKING) if one not in USUAL),
    ],
)
def test_page_opens_to_who_has_its_right_and_nobody_else(tenant: Tenant, other: Tenant, role: str) -> None:
    rows, theirs = rows_of(tenant), rows_of(other)
    client, unknown = signed_in(joined(tenant, role)), signed_in(make_person()).get("/o/no-such/")
    for page in PAGES:
        needed = page.callback.rights | OF_ANOTHER.get(page.name or "", set())
        expected = {200, 204, 302, 400, 409} if needed <= rights_of(role) else {403}
        own = list(answers(client, address(page, tenant, rows)))
        assert own, page.name
        assert set(own) <= expected, (page.name, own)
        foreign = address(page, other, theirs)
        refused = [one for one in (client.get(foreign), client.post(foreign)) if one.status_code != 405]
        assert {one.status_code for one in refused} == {404}, page.name
        assert {one.content for one in refused} == {unknown.content}, page.name
    print(f"{len(PAGES)} pages, own and foreign, as {role}")
