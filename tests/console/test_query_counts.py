"""No page asks the database more, however many things there are; every page, found by the resolver."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.console import things
from tests.console.conftest import Tenant, make_person, make_tenant
from tests.console.every_page import Page, Place, place

FEW, MANY = 3, 60
MOST = 40  # of any page; what each one asks is printed


@pytest.fixture
def grown() -> tuple[Tenant, Place]:
    owner = make_person(is_staff=True, is_superuser=True)
    tenant = make_tenant(owner)
    things.grow(tenant.organization, owner, 0, FEW)
    things.keep_mail(owner.email)
    call = tenant.call(datetime.now(UTC) - timedelta(minutes=5))
    return tenant, place(tenant.organization, owner, str(call.event_id))


@pytest.mark.parametrize("many", [8, pytest.param(MANY, marks=pytest.mark.full)])
def test_no_page_asks_more_with_many_things_than_with_few(grown: tuple[Tenant, Place], many: int) -> None:
    tenant, there = grown
    pages = there.pages()
    assert len(pages) > 50
    before = {page.name: _asked(tenant, there.visitors[page.visitor], page) for page in pages}
    things.grow(tenant.organization, tenant.owner, FEW, many)
    for number in range(many):
        tenant.call(datetime.now(UTC) - timedelta(minutes=number), end_user=f"user-{number}")
        things.keep_mail(f"{number}@example.org")
    after = {page.name: _asked(tenant, there.visitors[page.visitor], page) for page in pages}
    print("\n".join(f"{count:3} {name}" for name, count in sorted(after.items(), key=lambda one: -one[1])))
    assert {name: (before[name], count) for name, count in after.items() if count > before[name]} == {}
    assert {name: count for name, count in after.items() if count > MOST} == {}


def _asked(tenant: Tenant, client: Client, page: Page) -> int:
    """Of the second time that it is opened: the first may fill a cache."""
    client.get(page.path, follow=True)
    tenant.never_lost()
    with ExitStack() as stack:
        captured = [stack.enter_context(CaptureQueriesContext(one)) for one in connections.all()]
        assert client.get(page.path, follow=True).status_code == 200, page
    return sum(len(one) for one in captured)
