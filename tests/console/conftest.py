"""Two organizations with a member each, an outsider, an operator; a day of calls in the first."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client, RequestFactory

from audit.models import ChainHead, Event
from orbit.lib import access
from orbit.lib.ids import uuid7
from orbit.lib.store import client as store
from quotas import keys
from tenants.models import Membership, Organization, Person, Policy, PolicyRevision, Project
from tests.rollups import plant

DOCUMENT = {
    "allow": {"models": ["*"], "endpoints": ["*"], "ip_ranges": []},
    "caps": {"max_input_tokens": None, "max_output_tokens": 4096, "max_body_bytes": None},
    "limits": [
        {
            "name": "rpm",
            "meter": "requests",
            "per": "minute",
            "limit": 60,
            "burst": 60,
            "models": None,
            "of": "self",
        },
        {
            "name": "budget",
            "meter": "cost",
            "per": "month",
            "limit": "50.00",
            "burst": None,
            "models": None,
            "of": "self",
        },
        {
            "name": "inflight",
            "meter": "concurrency",
            "per": None,
            "limit": 5,
            "burst": None,
            "models": None,
            "of": "self",
        },
    ],
    "on_store_failure": "closed",
    "unpriced_models": "refuse",
    "on_disconnect": "cancel",
    "dlp": [],
    "audit": {"content": "none", "required": False},
}


@pytest.fixture(autouse=True)
def _database(django_db_blocker: Any) -> Iterator[None]:
    """Rows are committed: organizations keep tests apart, as they keep tenants apart."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def own_address(monkeypatch: pytest.MonkeyPatch) -> str:
    """Of all clients that the test makes, unless they say another: sign-ins from one address are limited."""
    address = "127." + ".".join(str(secrets.randbelow(256)) for _ in range(3))
    plain = RequestFactory.__init__

    def somewhere(self: RequestFactory, *args: Any, **defaults: Any) -> None:
        plain(self, *args, **{"REMOTE_ADDR": address, **defaults})

    monkeypatch.setattr(RequestFactory, "__init__", somewhere)
    return address


def make_person(**fields: Any) -> Person:
    return Person.objects.create_user(
        f"p-{secrets.token_hex(6)}@example.org", "correct horse battery", **fields
    )


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@dataclass
class Tenant:
    organization: Organization
    project: Project
    owner: Person
    events: list[Event] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/o/{self.organization.slug}/"

    def client(self) -> Client:
        return signed_in(self.owner)

    def call(self, admitted_at: datetime, **fields: Any) -> Event:
        """A call as the ledger's writer would leave it, without its rollup."""
        seq = len(self.events) + 1
        event = Event(
            **{
                "event_id": uuid7(int(admitted_at.timestamp() * 1000)),
                "kind": "call",
                "organization_id": self.organization.pk,
                "organization": self.organization.slug,
                "seq": seq,
                "shard": 32_000,  # no writer's: sinks read shards to the end
                "shard_seq": secrets.randbelow(2**50),
                "request_id": uuid7(),
                "admitted_at": admitted_at,
                "recorded_at": admitted_at + timedelta(seconds=1),
                "project_id": self.project.pk,
                "project": self.project.slug,
                "key": "production",
                "model": "fast",
                "endpoint": "chat/completions",
                "status": "settled",
                "usage_source": "provider",
                "input_tokens": 1200,
                "output_tokens": 34,
                "cost_nano": 123_456,
                "currency": "USD",
                "duration_ms": 840,
                "detail": {"attempts": [{"account": "main", "model": "gpt-4o-mini", "http_status": 200}]},
                "prev_hash": hashlib.sha256(b"before").hexdigest(),
                "hash": hashlib.sha256(str(seq).encode()).hexdigest(),
                **fields,
            }
        )
        with access.ledger():
            event.save(force_insert=True)
            ChainHead.objects.update_or_create(
                pk=self.organization.pk, defaults={"seq": seq, "hash": event.hash}
            )
        self.events.append(event)
        return event

    def remove(self, person: Person) -> None:
        with access.scope(organization_id=self.organization.pk):
            Membership.objects.filter(person=person).delete()

    def never_lost(self) -> None:
        """As if no test before had emptied the store: for some time after that, pages read more from the ledger."""
        store().hdel(keys.meta(self.organization.shard), "lost")

    def bucket(self, starts_at: datetime, key_id: UUID | None = None, **more: Any) -> None:
        plant(self.organization.pk, starts_at, self.project.pk, key_id or uuid7(), **more)


def make_tenant(owner: Person | None = None, **fields: Any) -> Tenant:
    slug = f"t-{secrets.token_hex(6)}"
    owner = owner or make_person()
    organization_id = uuid7()
    with access.scope(organization_id=organization_id):
        organization = Organization.objects.create(
            id=organization_id,
            slug=slug,
            shard=secrets.randbelow(64),
            **{"name": f"Name of {slug}", **fields},
        )
        Membership.objects.create(organization=organization, person=owner, role=Membership.Role.OWNER)
        policy = Policy.objects.create(organization=organization, name="default")
        PolicyRevision.objects.create(
            organization=organization, policy=policy, number=1, document=DOCUMENT, author=owner.email
        )
        organization.policy = policy
        organization.save()
        project = Project.objects.create(organization=organization, slug="chatbot", name="Chatbot")
    return Tenant(organization, project, owner)


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant()


@pytest.fixture
def other() -> Tenant:
    return make_tenant()


@pytest.fixture
def outsider() -> Client:
    return signed_in(make_person())


@pytest.fixture
def staff() -> Client:
    return signed_in(make_person(is_staff=True, is_superuser=True))


def quarter(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def unused_id() -> UUID:
    return uuid7()
