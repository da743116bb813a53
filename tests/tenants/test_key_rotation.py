"""New secrets, schedules of them, and what the books say of both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import keys, services
from tenants.key_list import Selection, list_keys
from tenants.models import ApiKey, FormerSecret, Organization
from tenants.rotation import GRACE
from tenants.tasks import tell_due_rotations
from tests.tenants.conftest import Apply, export, run

DAY = timedelta(days=1)


@pytest.fixture
def key(organization: Organization) -> ApiKey:
    services.save_project(organization_id=organization.id, slug="bot", name="Bot", actor="test")
    key, _ = services.issue_key(
        organization_id=organization.id, project="bot", name="k", allow={"models": ["fast"]}, actor="ada"
    )
    return key


def stored(key: ApiKey) -> ApiKey:
    with access.operator():
        return ApiKey.objects.get(pk=key.pk)


def former(key: ApiKey) -> list[FormerSecret]:
    with access.operator():
        return list(FormerSecret.objects.filter(key=key).order_by("created_at"))


def rotate(key: ApiKey, overlap: timedelta = DAY) -> str:
    return services.rotate_key(
        organization_id=key.organization_id, key_id=key.pk, overlap=overlap, actor="test"
    ).secret


def schedule(key: ApiKey, days: int | None) -> None:
    services.change_key(
        organization_id=key.organization_id,
        key_id=key.pk,
        policy=None,
        allow=key.allow,
        expires_at=None,
        rotate_after_days=days,
        actor="test",
    )


def put(key: ApiKey, **fields: Any) -> None:
    with access.scope(organization_id=key.organization_id):
        ApiKey.objects.filter(pk=key.pk).update(**fields)


def acts(key: ApiKey, action: str) -> list[dict[str, Any]]:
    with access.scope(organization_id=key.organization_id):
        details = [one.event["detail"] for one in OutboxEntry.objects.order_by("id")]
    return [one for one in details if one["action"] == action]


def test_rotation_changes_the_secret_and_nothing_else(key: ApiKey) -> None:
    secret = rotate(key)
    now = stored(key)
    assert keys.well_formed(secret)
    assert (now.hint, now.generation) == (keys.hint(secret), 2)
    for name in ("id", "name", "policy_id", "allow", "expires_at", "created_by", "project_id", "revoked_at"):
        assert getattr(now, name) == getattr(key, name), name
    (old,) = former(key)
    assert (bytes(old.digest), old.hint) == (bytes(key.digest), key.hint)
    assert abs(old.works_until - datetime.now(UTC) - DAY) < timedelta(minutes=1)


def test_act_tells_both_hints_and_no_secret(key: ApiKey) -> None:
    secret = rotate(key)
    (act,) = acts(key, "key.rotate")
    assert (act["actor"], act["target"]) == ("test", "bot/k")
    assert (act["before"]["hint"], act["after"]["hint"]) == (key.hint, keys.hint(secret))
    assert "old_works_until" in act["after"]
    assert secret not in str(act)


def test_shorter_overlap_ends_all_secrets_before(key: ApiKey) -> None:
    for _ in range(3):
        rotate(key, 3 * DAY)
    rotate(key, timedelta())
    ends = [one.works_until for one in former(key)]
    assert len(ends) == 4
    assert all(end <= datetime.now(UTC) for end in ends)


def test_longer_overlap_prolongs_none(key: ApiKey) -> None:
    rotate(key, DAY)
    before = former(key)[0].works_until
    rotate(key, 5 * DAY)
    assert former(key)[0].works_until == before


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_overlap_has_bounds(key: ApiKey, overlap: timedelta) -> None:
    with pytest.raises(InputError, match="from 0 to 30 days"):
        rotate(key, overlap)


def test_rotation_prolongs_no_key(key: ApiKey, other: Organization) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    put(key, expires_at=soon)
    rotate(key, 3 * DAY)
    assert (stored(key).expires_at, former(key)[0].works_until) == (soon, soon)
    put(key, expires_at=datetime.now(UTC) - DAY)
    with pytest.raises(InputError, match="has expired"):
        rotate(key)
    with pytest.raises(InputError, match="no such key"):
        services.rotate_key(organization_id=other.id, key_id=key.pk, actor="test")
    services.revoke_key(organization_id=key.organization_id, key_id=key.pk, actor="test")
    with pytest.raises(InputError, match="no such key"):
        rotate(key)


def test_schedule_counts_from_the_secrets_age(key: ApiKey) -> None:
    schedule(key, 30)
    assert stored(key).rotation_due_at == key.created_at + 30 * DAY
    rotate(key)
    now = stored(key)
    assert now.rotated_at is not None
    assert now.rotation_due_at == now.rotated_at + 30 * DAY
    assert now.refused_from == now.rotation_due_at + GRACE
    schedule(key, None)
    assert (stored(key).rotation_due_at, stored(key).refused_from) == (None, None)


def test_schedule_of_an_old_secret_leaves_it_the_grace(key: ApiKey) -> None:
    put(key, rotated_at=datetime.now(UTC) - 400 * DAY)
    schedule(key, 30)
    due = stored(key).rotation_due_at
    assert due is not None
    assert abs(due - datetime.now(UTC)) < timedelta(minutes=1)


def test_schedule_has_bounds(key: ApiKey) -> None:
    for days in (0, 3651):
        with pytest.raises(InputError, match="rotate_after_days"):
            schedule(key, days)
        with pytest.raises(IntegrityError, match="key_rotate_after_days"):
            put(key, rotate_after_days=days)


def test_file_sets_the_schedule(apply: Apply, entry: dict[str, Any], slug: str) -> None:
    apply(entry)
    assert [one.get("rotate_after_days") for one in export(slug)["projects"][0]["keys"]] == [None, 90]
    entry["projects"][0]["keys"][1]["rotate_after_days"] = 30
    (step,) = apply(entry).json["plan"]
    assert step["fields"] == ["rotate_after_days"]
    entry["projects"][0]["keys"][1]["rotate_after_days"] = 0
    error = apply(entry).error_at("organizations[0].projects[0].keys[1].rotate_after_days")
    assert error["message"] == "must be at least 1"


def test_due_rotation_is_told_once(key: ApiKey) -> None:
    schedule(key, 30)
    tell_due_rotations()
    assert acts(key, "key.rotation_due") == []
    put(key, rotation_due_at=datetime.now(UTC) - DAY)
    assert tell_due_rotations() >= 1
    tell_due_rotations()
    (act,) = acts(key, "key.rotation_due")
    assert (act["actor"], act["target"], act["after"]["hint"]) == ("schedule", "bot/k", key.hint)
    rotate(key)
    put(key, rotation_due_at=datetime.now(UTC) - DAY)
    tell_due_rotations()
    assert len(acts(key, "key.rotation_due")) == 2


def test_list_tells_what_is_due(key: ApiKey) -> None:
    here = key.organization_id
    schedule(key, 30)
    assert list_keys(here, Selection(due=True)) == []
    for since, expected in [(timedelta(), "due"), (GRACE, "overdue")]:
        put(key, rotation_due_at=datetime.now(UTC) - since)
        (one,) = list_keys(here, Selection(due=True))
        assert one["state"] == expected
    rotate(key, DAY)
    (one,) = list_keys(here, Selection())
    assert (one["state"], one["former_secrets"]) == ("usable", [])  # what had ended does not begin again
    rotate(key, DAY)
    assert len(list_keys(here, Selection())[0]["former_secrets"]) == 1


def test_command_rotates(organization: Organization, key: ApiKey) -> None:
    path = f"{organization.slug}/bot/k"
    answer = run("keys", "rotate", path, "--overlap", "0", "--json").json
    assert (answer["key"], answer["old_hint"]) == (path, key.hint)
    assert stored(key).hint == keys.hint(answer["secret"])
    words = run("keys", "rotate", path).out
    assert stored(key).hint.split("…")[0] in words
    assert "works until" in words
    for arguments in (
        [path, "--overlap", "1w"],
        [path, "--overlap", "31d"],
        [f"{path}x"],
        ["bot/k"],
    ):
        assert run("keys", "rotate", *arguments).code == 2, arguments
