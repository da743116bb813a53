"""E4: the own key of somebody whom an operator deactivates is refused from the next call on."""

from __future__ import annotations

import secrets

from tenants import services
from tenants.models import Person
from tenants.people import activate, deactivate
from tests.conftest import MakeTenant
from tests.proxy.conftest import Api, ApiOf, code_of


def test_own_key_is_refused_from_the_next_call_on(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant()
    person = Person.objects.create_user(f"p-{secrets.token_hex(6)}@example.com", "long-enough-for-a-test")
    services.add_member(organization_id=tenant.id, person=person, role="developer", actor="test")
    _, secret = services.issue_key(
        organization_id=tenant.id, project="app", name="own", owner=person.email, actor="test"
    )
    shared = api_of(tenant)
    own = Api(shared.http, secret)
    assert own.chat().status_code == 200
    deactivate(person, actor="test")
    assert code_of(own.chat()) == (401, "invalid_api_key")
    assert shared.chat().status_code == 200
    activate(person, actor="test")
    assert code_of(own.chat()) == (401, "invalid_api_key")
