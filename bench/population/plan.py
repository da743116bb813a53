"""Who there is: a few large organizations and many small ones, drawn from one seed.

Rows are instances of the models, so that a new column takes its own default here too.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

from django.db.models import Model

from tenants.models import (
    ApiKey,
    CustomRole,
    Invitation,
    Membership,
    ModelAlias,
    ModelTarget,
    Organization,
    Person,
    Policy,
    PolicyRevision,
    Project,
    ProviderAccount,
    ServiceAccount,
)

SHARDS = 64
DAYS = 90
WORDS = (
    "acorn",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "inlet",
    "jetty",
    "knoll",
    "larch",
)
MODELS = (
    ("gpt-4o-mini", 150, 600),
    ("gpt-4o", 2_500, 10_000),
    ("claude-haiku", 800, 4_000),
)  # nano per token
DOCUMENT = {
    "allow": {"models": ["*"], "endpoints": ["*"], "ip_ranges": []},
    "caps": {"max_input_tokens": None, "max_output_tokens": 4096, "max_body_bytes": None},
    "limits": [
        {"name": "rpm", "meter": "requests", "per": "minute", "limit": 600, "burst": 60, "models": None, "of": "self"},
        {"name": "budget", "meter": "cost", "per": "month", "limit": "500.00", "burst": None, "models": None, "of": "self"},
        {"name": "inflight", "meter": "concurrency", "per": None, "limit": 20, "burst": None, "models": None, "of": "self"},
    ],
    "on_store_failure": "closed",
    "unpriced_models": "refuse",
    "on_disconnect": "cancel",
    "dlp": [],
    "audit": {"content": "none", "required": False},
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    organizations: int
    keys: int
    events: int
    seed: int
    until: datetime  # the last quarter of an hour that has events ends here


@dataclass(frozen=True, slots=True)
class UsedKey:
    """What events say of a key, as text."""

    id: str
    name: str
    project_id: str
    project: str


@dataclass(slots=True)
class Place:
    """An organization with what its events need."""

    row: Organization
    projects: list[Project]
    people: list[Person]
    account: ProviderAccount
    policy: Policy
    used: list[UsedKey] = field(default_factory=list)


def uuid7_at(chance: Random, moment: datetime) -> UUID:
    ms, bits = int(moment.timestamp() * 1000), chance.getrandbits(74)
    return UUID(int=ms << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (2**62 - 1))


def shares(count: int, total: int) -> list[int]:
    """`total` things for `count` takers, each at least one, falling off as one over the rank."""
    weights = [1 / (rank + 1) for rank in range(count)]
    left, scale = total - count, sum(weights)
    found = [1 + int(left * weight / scale) for weight in weights]
    found[0] += total - sum(found)
    return found


class Plan:
    def __init__(self, size: Size) -> None:
        self.size = size
        self.chance = Random(size.seed)
        self.since = size.until - timedelta(days=DAYS)
        self.places: list[Place] = []
        self._people = 0
        self._keys = shares(size.organizations, size.keys)

    def moment(self, *, before: int = 400) -> datetime:
        """Some time in the last so many days."""
        return self.size.until - timedelta(seconds=self.chance.randrange(1, before * 86_400))

    def id(self) -> UUID:
        return uuid7_at(self.chance, self.moment())

    def organizations(self) -> Iterator[Model]:
        """Each with all its rows but its keys, in an order in which they may be inserted."""
        for number, keys in enumerate(self._keys):
            place, rows = self._organization(number, keys)
            self.places.append(place)
            yield from rows

    def _organization(self, number: int, keys: int) -> tuple[Place, list[Model]]:
        chance, created = self.chance, self.moment()
        identity = uuid7_at(chance, created)
        organization = Organization(
            id=identity,
            slug=f"{chance.choice(WORDS)}-{number:05d}",
            name=f"{chance.choice(WORDS).title()} {chance.choice(WORDS).title()} {number}",
            time_zone=chance.choice(("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")),
            shard=int.from_bytes(hashlib.sha256(identity.bytes).digest()[:2], "big") % SHARDS,
            created_at=created,
            changed_at=created,
        )
        if chance.random() < 0.02:
            organization.suspended_at, organization.suspended_for = self.moment(before=60), "unpaid"
        people = [self._person(number, one) for one in range(2 + min(200, keys // 100))]
        policies = [
            Policy(id=self.id(), organization=organization, name=name, created_at=created)
            for name in ("default", "tight")
        ]
        projects = [
            Project(id=self.id(), organization=organization, slug=f"{WORDS[one % 12]}-{one}", name=f"Project {one}", policy=chance.choice((None, policies[1])), created_at=created)
            for one in range(1 + min(99, int(keys**0.5 / 3)))
        ]  # fmt: skip
        account = ProviderAccount(
            id=self.id(), organization=organization, name="main", kind="openai", base_url="https://api.openai.com/v1",
            prices_as="openai", credential_ref=f"env://KEY_{number}", created_at=created,
        )  # fmt: skip
        aliases = [
            ModelAlias(id=self.id(), organization=organization, alias=name, created_at=created)
            for name, *_ in MODELS
        ]
        rows: list[Model] = [organization, *people, *policies]
        rows += [
            PolicyRevision(id=self.id(), organization=organization, policy=policy, number=1, document=DOCUMENT, author=people[0].email, created_at=created)
            for policy in policies
        ]  # fmt: skip
        rows += [*projects, account, *aliases]
        rows += [
            ModelTarget(
                id=self.id(), organization=organization, alias=alias, account=account, model=alias.alias
            )
            for alias in aliases
        ]
        rows.append(
            CustomRole(
                id=self.id(),
                organization=organization,
                name="reader",
                words=["usage.read"],
                created_at=created,
            )
        )
        rows += [self._member(organization, person, at) for at, person in enumerate(people)]
        rows += [self._invitation(organization, number, one) for one in range(1 + len(people) // 10)]
        rows += [
            ServiceAccount(
                id=self.id(), organization=organization, project=project, name="deploy", created_at=created
            )
            for project in projects
        ]
        return Place(organization, projects, people, account, policies[0]), rows

    def _person(self, organization: int, number: int) -> Person:
        joined = self.moment()
        self._people += 1
        return Person(
            id=self._people,
            email=f"{self.chance.choice(WORDS)}.{number}@org{organization:05d}.example",
            name=f"{self.chance.choice(WORDS).title()} {self.chance.choice(WORDS).title()}",
            password="!nobody signs in with one",
            date_joined=joined,
            approved_at=joined,
        )

    def _member(self, organization: Organization, person: Person, at: int) -> Membership:
        role = (
            "owner"
            if at == 0
            else self.chance.choice(("admin", "developer", "developer", "finance", "auditor"))
        )
        return Membership(
            id=self.id(), organization=organization, person=person, role=role, created_at=person.date_joined
        )

    def _invitation(self, organization: Organization, number: int, one: int) -> Invitation:
        created = self.moment(before=30)
        return Invitation(
            id=self.id(), organization=organization, email=f"new.{one}@org{number:05d}.example", role="developer",
            digest=self.chance.randbytes(32), invited_by="somebody", created_at=created, expires_at=created + timedelta(days=7),
        )  # fmt: skip

    def keys(self) -> Iterator[ApiKey]:
        for place, count in zip(self.places, self._keys, strict=True):
            for number in range(count):
                yield self._key(place, number)

    def _key(self, place: Place, number: int) -> ApiKey:
        chance, created = self.chance, self.moment()
        project = place.projects[int(len(place.projects) * chance.random() ** 2)]
        tail = f"{chance.getrandbits(36):09x}"
        key = ApiKey(
            id=uuid7_at(chance, created),
            organization=place.row,
            project=project,
            name=f"{chance.choice(WORDS)}-{number}",
            digest=chance.randbytes(32),
            hint=f"orb_{tail[:3]}…{tail[-3:]}",
            allow={},
            created_by=chance.choice(place.people).email,
            created_at=created,
            changed_at=created,
        )
        draw = chance.random()
        if draw < 0.3 and number:
            key.revoked_at = created + (self.size.until - created) * chance.random()
        elif draw < 0.31:
            key.suspended_at, key.suspended_for = self.moment(before=30), "seen in a public repository"
        elif draw < 0.4:
            key.person = chance.choice(place.people)
        elif draw < 0.5:
            key.expires_at = self.size.until + timedelta(days=chance.randrange(1, 400))
        if key.revoked_at is None and (number == 0 or chance.random() < 0.5):
            place.used.append(UsedKey(str(key.id), key.name, str(project.id), project.slug))
        return key


class Weighted:
    """Draws a place by its size."""

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self._sums = list(accumulate(1 / (rank + 1) ** 0.9 for rank in range(len(places))))

    def draw(self, chance: Random) -> Place:
        return self.places[bisect(self._sums, chance.random() * self._sums[-1])]
