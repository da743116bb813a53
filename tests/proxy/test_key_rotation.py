"""Two secrets of one key: both work for a while, count together, and the ledger names one key."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from audit.chain import link
from orbit.lib import access
from tenants import services
from tenants.key_list import Selection, list_keys
from tenants.models import ApiKey
from tenants.rotation import GRACE
from tenants.services.issued_keys import raise_generation
from tenants.services.saved import changing
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, code_of

REFUSED = (401, "invalid_api_key")
DAY = timedelta(days=1)


def key_of(tenant: Tenant) -> ApiKey:
    with access.operator():
        return ApiKey.objects.get(organization_id=tenant.id)


def rotate(tenant: Tenant, api: Api, overlap: timedelta = DAY) -> Api:
    """The same client with the new secret."""
    rotated = services.rotate_key(
        organization_id=tenant.id, key_id=key_of(tenant).pk, overlap=overlap, actor="test"
    )
    return Api(api.http, rotated.secret)


def age(tenant: Tenant, by: timedelta) -> None:
    """Moves the day on which a rotation is due, as time does, and tells the workers."""
    with changing(tenant.id, "test") as change:
        key = ApiKey.objects.get()
        assert key.rotation_due_at is not None
        key.rotation_due_at -= by
        raise_generation(change, key, ["rotation_due_at"])


def schedule(tenant: Tenant, days: int | None) -> None:
    services.change_key(
        organization_id=tenant.id,
        key_id=key_of(tenant).pk,
        policy=None,
        allow={},
        expires_at=None,
        rotate_after_days=days,
        actor="test",
    )


def test_both_secrets_work_and_spend_the_same_limit(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(limits=[{"name": "two", "meter": "requests", "per": "day", "limit": 3}])
    old = api_of(tenant)
    assert old.chat().status_code == 200
    new = rotate(tenant, old)
    assert new.key != old.key
    assert old.chat().status_code == 200
    assert new.chat().status_code == 200
    for api in (old, new):
        assert code_of(api.chat()) == (429, "insufficient_quota")
        assert api.limits()["two"]["spent"] == 3
    events = tenant.events()
    assert len(events) == 3
    assert len({event["key_id"] for event in events}) == 1
    rotations = [one for one in tenant.events("act") if one["action"] == "key.rotate"]
    assert [one["target"] for one in rotations] == ["app/main"]
    assert not any(secret in str(rotations) for secret in (old.key, new.key))


def test_events_tell_with_which_secret_a_call_came(tenant: Tenant, api: Api) -> None:
    first = key_of(tenant).hint
    assert api.chat().status_code == 200
    new = rotate(tenant, api)
    for one in (api, new):
        assert one.chat().status_code == 200
    events = tenant.events()
    [former] = {event["former_secret"] for event in events if "former_secret" in event}
    assert [(event["key_hint"], event.get("former_secret")) for event in events] == [
        (first, None),
        (first, former),
        (key_of(tenant).hint, None),
    ]
    for event in events:
        assert link(event) == event["hash"]
        assert not any(api.key[:20] in str(value) for value in event.values())
    [listed] = list_keys(tenant.id, Selection())
    assert [(one["hint"], one["last_used_at"]) for one in listed["former_secrets"]] == [
        (first, events[1]["admitted_at"])
    ]


def test_without_overlap_the_old_secret_is_refused_by_the_next_request(tenant: Tenant, api: Api) -> None:
    assert api.chat().status_code == 200
    new = rotate(tenant, api, timedelta())
    assert code_of(api.chat()) == REFUSED
    assert code_of(api.get("models")) == REFUSED
    assert code_of(api.chat(stream=True)) == REFUSED
    assert new.chat().status_code == 200


def test_old_secret_ends_with_its_overlap_in_a_worker_that_knows_it(tenant: Tenant, api: Api) -> None:
    new = rotate(tenant, api, timedelta(seconds=3))
    until = time.monotonic() + 3
    assert api.chat().status_code == 200  # loaded with its end
    time.sleep(max(0, until - time.monotonic()) + 0.05)
    assert code_of(api.chat()) == REFUSED
    assert new.chat().status_code == 200


def test_secret_that_was_never_seen_while_it_worked_is_refused(tenant: Tenant, api: Api) -> None:
    new = rotate(tenant, api)
    newest = rotate(tenant, new, timedelta())
    assert code_of(api.chat()) == code_of(new.chat()) == REFUSED
    assert newest.chat().status_code == 200


def test_revoking_the_key_ends_all_its_secrets(tenant: Tenant, api: Api) -> None:
    new = rotate(tenant, api)
    assert (api.chat().status_code, new.chat().status_code) == (200, 200)
    services.revoke_key(organization_id=tenant.id, key_id=key_of(tenant).pk, actor="test")
    assert code_of(api.chat()) == code_of(new.chat()) == REFUSED


def test_scope_and_expiry_hold_for_both_secrets(tenant: Tenant, api: Api) -> None:
    new = rotate(tenant, api)
    change = {"organization_id": tenant.id, "key_id": key_of(tenant).pk, "actor": "test"}
    for allow, expires_at, expected in [
        ({"models": ["gpt-4o"]}, None, (404, "model_not_found")),
        ({}, datetime.now(UTC) - timedelta(seconds=1), REFUSED),
    ]:
        services.change_key(
            **change,  # type: ignore[arg-type]
            policy=None,
            allow=allow,
            expires_at=expires_at,
            rotate_after_days=None,
        )
        assert code_of(api.chat()) == code_of(new.chat()) == expected


@pytest.mark.parametrize(("past", "expected"), [(timedelta(), 200), (GRACE - DAY, 200), (GRACE + DAY, 401)])
def test_rotation_that_nobody_makes_ends_the_secret_after_its_grace(
    tenant: Tenant, api: Api, past: timedelta, expected: int
) -> None:
    schedule(tenant, 30)
    assert api.chat().status_code == 200
    age(tenant, timedelta(days=30) + past)
    assert api.chat().status_code == expected
    new = rotate(tenant, api)  # and does not bring an old secret back
    assert new.chat().status_code == 200
    assert api.chat().status_code == expected
