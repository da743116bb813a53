"""Stored contents: opened only in their place, read with an act, erased by subject, gone with the key or their time."""

from __future__ import annotations

import base64
import os
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from audit.models import Content, ContentErasure, Event, OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from orbit.lib.ids import uuid7
from tenants import services
from tenants.models import DataKey, Organization
from tenants.rights import BUILT_IN, Right
from tenants.secrets.data_keys import OpenedKey, Part
from tenants.secrets.local import CannotOpen
from tenants.tasks import forget_contents, renew_data_keys
from tests.console.conftest import make_person

SAID = b'{"messages": [{"role": "user", "content": "Wanda owes 4711"}]}'


def keep(
    organization: Organization,
    *,
    end_user: str | None = "wanda",
    key_id: UUID | None = None,
    said: bytes = SAID,
    days: int = 30,
    at: datetime | None = None,
) -> UUID:
    """What a call leaves: an event with digests, and two rows. Returns the event's id."""
    at = at or timezone.now()
    key, event_id, key_id = (
        services.newest_data_key(organization_id=organization.pk),
        uuid7(),
        key_id or uuid4(),
    )
    until = at + timedelta(days=days)
    digest = key.digest()
    digest.update(said)
    told = {"hmac_sha256": digest.hexdigest(), "bytes": len(said)}
    content = {
        "mode": "full",
        "key": key.generation,
        "until": until.isoformat(),
        "request": told,
        "answer": told,
    }
    event = Event(
        event_id=event_id, kind="call", organization_id=organization.pk, organization=organization.slug,
        seq=uuid4().int % 2**60, shard=32_000, shard_seq=uuid4().int % 2**60, admitted_at=at, recorded_at=at,
        status="settled", key_id=key_id, end_user=end_user, detail={"content": content}, prev_hash="0", hash="0",
    )  # fmt: skip
    with access.ledger():
        event.save(force_insert=True)
    with access.scope(organization_id=organization.pk):
        for part in Content.Part.values:
            Content.objects.create(
                organization_id=organization.pk, event_id=event_id, part=part, generation=key.generation,
                sealed=key.seal(zlib.compress(said), Part(organization.pk, event_id, part)), mode="full",
                content_type="application/json", spoken="openai/chat/completions", size=len(said), truncated=False,
                key_id=key_id, end_user=end_user, admitted_at=at, expires_at=until,
            )  # fmt: skip
    return event_id


def states(organization: Organization, event_id: UUID) -> set[str]:
    found = services.read_content(organization_id=organization.pk, event_id=event_id, actor="test")
    assert found is not None
    assert [part.name for part in found.parts] == ["request", "answer"]
    return {part.state for part in found.parts}


def acts(organization: Organization) -> list[dict[str, Any]]:
    with access.scope(organization_id=organization.pk):
        return [one.event["detail"] for one in OutboxEntry.objects.order_by("pk")]


def rows(organization: Organization) -> int:
    with access.scope(organization_id=organization.pk):
        return Content.objects.count()


def member(organization: Organization, role: str) -> Any:
    return services.add_member(
        organization_id=organization.pk, person=make_person(), role=role, actor="test"
    ).row


# the key


def _part() -> Part:
    return Part(uuid4(), uuid4(), "request")


def test_what_is_sealed_opens_in_its_place_and_nowhere_else() -> None:
    key, part = OpenedKey(1, os.urandom(32)), _part()
    sealed = key.seal(SAID, part)
    assert SAID not in sealed
    assert key.unseal(sealed, part) == SAID
    for elsewhere in (
        Part(uuid4(), part.event_id, part.name),
        Part(part.organization_id, uuid4(), part.name),
        Part(part.organization_id, part.event_id, "answer"),
    ):
        with pytest.raises(CannotOpen):
            key.unseal(sealed, elsewhere)
    for other in (OpenedKey(2, key.key), OpenedKey(1, os.urandom(32))):
        with pytest.raises(CannotOpen):
            other.unseal(sealed, part)
    assert base64.b64encode(key.key).decode() not in repr(key)
    assert repr(key.key) not in repr(key)


def test_no_changed_or_shortened_byte_opens() -> None:
    key, part = OpenedKey(1, os.urandom(32)), _part()
    sealed = key.seal(b"short", part)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        for wrong in (bytes(changed), sealed[:at]):
            with pytest.raises(CannotOpen):
                key.unseal(wrong, part)


def test_digest_cannot_be_made_without_the_key() -> None:
    one, other = OpenedKey(1, os.urandom(32)).digest(), OpenedKey(1, os.urandom(32)).digest()
    one.update(b"yes")
    other.update(b"yes")
    assert one.hexdigest() != other.hexdigest()


def test_organizations_key_opens_nothing_of_another(organization: Organization, other: Organization) -> None:
    event_id = keep(organization)
    keep(other)
    with access.scope(organization_id=organization.pk):
        sealed = bytes(Content.objects.get(part="request").sealed)
    key = services.newest_data_key(organization_id=other.pk)
    with pytest.raises(CannotOpen):
        key.unseal(sealed, Part(organization.pk, event_id, "request"))


def test_key_is_made_once_and_wrapped(organization: Organization) -> None:
    one, two = (services.newest_data_key(organization_id=organization.pk) for _ in range(2))
    assert one == two
    with access.scope(organization_id=organization.pk):
        row = DataKey.objects.get()
    assert one.key not in bytes(row.sealed or b"")
    assert base64.b64encode(one.key) not in bytes(row.sealed or b"")


def test_old_key_is_followed_by_a_new_one_and_opens_on(
    organization: Organization, settings: Settings
) -> None:
    event_id = keep(organization)
    with access.scope(organization_id=organization.pk):
        DataKey.objects.update(created_at=timezone.now() - timedelta(days=settings.ORBIT_DATA_KEY_DAYS + 1))
        before = Organization.objects.get().version
    renew_data_keys()
    assert services.newest_data_key(organization_id=organization.pk).generation == 2
    assert states(organization, event_id) == {"kept"}
    with access.scope(organization_id=organization.pk):
        assert Organization.objects.get().version > before
    renew_data_keys()
    assert services.newest_data_key(organization_id=organization.pk).generation == 2


def test_former_key_that_nothing_needs_is_destroyed(organization: Organization) -> None:
    keep(organization)
    with access.scope(organization_id=organization.pk):
        DataKey.objects.update(created_at=timezone.now() - timedelta(days=40))
    renew_data_keys()
    services.renew_data_key(organization_id=organization.pk)
    assert destroyed(organization) == []  # a content is left of it
    with access.scope(organization_id=organization.pk):
        Content.objects.all().delete()
        DataKey.objects.filter(generation=2).update(created_at=timezone.now() - timedelta(days=3))
    services.renew_data_key(organization_id=organization.pk)
    assert destroyed(organization) == [1]


def destroyed(organization: Organization) -> list[int]:
    with access.scope(organization_id=organization.pk):
        return list(DataKey.objects.exclude(destroyed_at=None).values_list("generation", flat=True))


def test_data_keys_move_to_a_new_master_key(organization: Organization, settings: Settings) -> None:
    event_id = keep(organization)
    new = base64.b64encode(os.urandom(32)).decode()
    settings.ORBIT_MASTER_KEY = f"9:{new},{settings.ORBIT_MASTER_KEY}"
    done = services.rewrap_credentials(organization_id=organization.pk, actor="test")
    assert (done.count, done.damaged) == (1, ())
    settings.ORBIT_MASTER_KEY = f"9:{new}"
    assert states(organization, event_id) == {"kept"}


# reading


def test_reading_is_an_act_with_who_and_what(organization: Organization) -> None:
    event_id, owner = keep(organization), member(organization, "owner")
    found = services.read_content(organization_id=organization.pk, event_id=event_id, actor=owner)
    assert found is not None
    assert [(part.content, part.matches) for part in found.parts] == [(SAID, True)] * 2
    act = acts(organization)[-1]
    assert (act["actor"], act["action"], act["target"]) == (owner.person.email, "content.read", str(event_id))
    assert act["after"] == {"parts": ["request", "answer"]}
    assert "Wanda" not in repr(acts(organization))


def test_without_the_act_there_is_no_content(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = keep(organization)

    def fails(**_: Any) -> None:
        raise RuntimeError("no outbox")

    monkeypatch.setattr("tenants.services.saved.record_act", fails)
    with pytest.raises(RuntimeError):
        services.read_content(organization_id=organization.pk, event_id=event_id, actor="test")


@pytest.mark.parametrize("role", BUILT_IN)
def test_only_owners_read_and_owners_and_admins_erase(organization: Organization, role: str) -> None:
    event_id, actor = keep(organization), member(organization, role)
    given: dict[str, Any] = {"organization_id": organization.pk, "actor": actor}
    for right, do in (
        (Right.CONTENTS_READ, lambda: services.read_content(**given, event_id=event_id)),
        (
            Right.CONTENTS_ERASE,
            lambda: services.erase_contents(**given, subject=services.Subject("x"), reason="x"),
        ),
        (
            Right.CONTENTS_DESTROY,
            lambda: services.destroy_data_keys(**given, confirm=organization.slug, reason="x"),
        ),
    ):
        assert (right in BUILT_IN[role]) is (
            role == "owner" or (role == "admin" and right == "contents.erase")
        )
        if right not in BUILT_IN[role]:
            with pytest.raises(PermissionDenied, match=right):
                do()
        else:
            do()


def test_another_organizations_call_is_none(organization: Organization, other: Organization) -> None:
    event_id = keep(organization)
    assert services.read_content(organization_id=other.pk, event_id=event_id, actor="test") is None


def test_bytes_that_were_exchanged_are_told(organization: Organization) -> None:
    """By somebody with the database, the master key and time: what opens is not what the ledger has the digest of."""
    event_id = keep(organization)
    key = services.newest_data_key(organization_id=organization.pk)
    forged = key.seal(zlib.compress(b"something else"), Part(organization.pk, event_id, "request"))
    with access.scope(organization_id=organization.pk):
        old = Content.objects.get(part="request")
        old.delete()
        old.pk, old.sealed = None, forged
        old.save(force_insert=True)
    found = services.read_content(organization_id=organization.pk, event_id=event_id, actor="test")
    assert found is not None
    assert [part.matches for part in found.parts] == [False, True]


def test_rows_cannot_be_changed(organization: Organization) -> None:
    keep(organization)
    for table in ("audit_content", "audit_contenterasure"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            access.scope(organization_id=organization.pk),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE {table} SET end_user = 'x'")


# erasing


def test_contents_of_an_end_user_are_erased_and_no_others(
    organization: Organization, other: Organization
) -> None:
    gone, stays, foreign = keep(organization), keep(organization, end_user="bob"), keep(other)
    given: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    assert services.erase_contents(**given, subject=services.Subject("wanda"), reason="asked by letter") == 1
    assert states(organization, gone) == {"erased"}
    assert states(organization, stays) == {"kept"}
    assert states(other, foreign) == {"kept"}
    act = next(one for one in acts(organization) if one["action"] == "contents.erase")
    assert act["after"] == {"subject": "end_user", "calls": 1, "parts": 2, "reason": "asked by letter"}


def test_contents_of_a_key_or_a_call_are_erased(organization: Organization) -> None:
    given: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.save_policy(**given, name="default", document={})
    services.save_project(**given, slug="bot", name="Bot", policy="default")
    key, _ = services.issue_key(**given, project="bot", name="main")
    one, two, three = keep(organization, key_id=key.pk), keep(organization), keep(organization)
    assert services.erase_contents(**given, subject=services.Subject(key_id=key.pk), reason="leaked") == 1
    assert services.erase_contents(**given, subject=services.Subject(event_id=two), reason="a mistake") == 1
    assert [states(organization, event_id) for event_id in (one, two, three)] == [
        {"erased"},
        {"erased"},
        {"kept"},
    ]


def test_what_comes_late_is_erased_and_what_is_said_afterwards_is_not(organization: Organization) -> None:
    given: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    services.erase_contents(**given, subject=services.Subject("wanda"), reason="asked by letter")
    late = keep(organization, at=timezone.now() - timedelta(minutes=5))
    new = keep(organization)
    forget_contents()
    assert states(organization, late) == {"erased"}
    assert states(organization, new) == {"kept"}


@pytest.mark.parametrize(
    ("subject", "reason", "field"),
    [
        (services.Subject(), "x", "end_user"),
        (services.Subject(end_user=""), "x", "end_user"),
        (services.Subject("a", uuid4()), "x", "end_user"),
        (services.Subject("a"), "  ", "reason"),
        (services.Subject(key_id=uuid4()), "x", "key"),
    ],
)
def test_what_is_wrong_is_named(
    organization: Organization, subject: services.Subject, reason: str, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        services.erase_contents(organization_id=organization.pk, actor="test", subject=subject, reason=reason)
    assert caught.value.path == field
    with access.scope(organization_id=organization.pk):
        assert not ContentErasure.objects.exists()


# the key destroyed, the time over, the organization gone


def test_destroyed_keys_make_all_unreadable_at_once(organization: Organization, other: Organization) -> None:
    events, foreign = [keep(organization), keep(organization)], keep(other)
    given: dict[str, Any] = {"organization_id": organization.pk, "actor": "test"}
    with pytest.raises(InputError) as caught:
        services.destroy_data_keys(**given, confirm="another", reason="x")
    assert caught.value.path == "confirm"
    assert services.destroy_data_keys(**given, confirm=organization.slug, reason="contract ended") == 1
    assert [states(organization, one) for one in events] == [{"destroyed"}] * 2
    assert states(other, foreign) == {"kept"}
    with access.scope(organization_id=organization.pk):
        assert not DataKey.objects.exclude(sealed=None).exists()
    forget_contents()
    assert rows(organization) == 0
    assert [states(organization, one) for one in events] == [{"destroyed"}] * 2
    assert states(organization, keep(organization)) == {"kept"}
    act = next(one for one in acts(organization) if one["action"] == "contents.destroy")
    assert act["after"] == {"generations": [1], "reason": "contract ended"}


def test_contents_go_when_their_time_is_over(organization: Organization) -> None:
    old = keep(organization, days=1, at=timezone.now() - timedelta(days=2))
    new = keep(organization, days=1)
    assert states(organization, old) == {"expired"}  # before it is deleted
    assert rows(organization) == 4
    forget_contents()
    assert rows(organization) == 2
    assert states(organization, old) == {"expired"}
    assert states(organization, new) == {"kept"}


def test_what_never_came_is_told_apart(organization: Organization) -> None:
    event_id = keep(organization)
    with access.scope(organization_id=organization.pk):
        Content.objects.all().delete()
    assert states(organization, event_id) == {"not_kept"}
    assert not [one for one in acts(organization) if one["action"] == "content.read"]


def test_purged_organization_has_neither_contents_nor_keys(organization: Organization) -> None:
    keep(organization)
    services.delete_organization(organization_id=organization.pk, actor="test")
    past = datetime.now(UTC) - timedelta(seconds=1)
    with access.scope(organization_id=organization.pk):
        Organization.objects.update(deleted_at=past, purge_at=past)
    services.purge_organization(organization_id=organization.pk, actor="test")
    with access.scope(organization_id=organization.pk):
        assert not DataKey.objects.exists()
        assert not Content.objects.exists()
