"""The demo organization under another name, since other tests make the one that there is by default; with fewer calls."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.conf import settings

from audit.models import Event
from audit.tasks import write_ledger
from orbit.demo import colleagues, habits, history, organization, past, seed, traffic
from orbit.lib import access
from tenants.models import Organization, Person

FEWER = 8


@dataclass(frozen=True)
class Demo:
    id: UUID
    written: int
    organization: Organization
    owner: Person

    def events(self, **wanted: Any) -> list[Event]:
        with access.operator():
            return list(Event.objects.filter(organization_id=self.id, **wanted).order_by("seq"))


@contextmanager
def made_demo(provider_url: str, data_dir: Path) -> Iterator[Demo]:
    slug, email = f"demo-{secrets.token_hex(4)}", f"{secrets.token_hex(6)}@orbit.localhost"
    fewer = tuple(replace(one, per_day=one.per_day / FEWER) for one in habits.HABITS)
    with pytest.MonkeyPatch.context() as patch:
        for module in (organization, seed, history):
            patch.setattr(module, "ORGANIZATION", slug)
        for name, module in (("EMAIL", seed), ("EMAIL", history), ("OWNER", past)):
            patch.setattr(module, name, email)
        for module in (traffic, history):
            patch.setattr(module, "HABITS", fewer)
        _rename_colleagues(patch)
        patch.setattr(settings, "ORBIT_PRIVATE_TARGETS", [urlsplit(provider_url).netloc])
        patch.setattr(settings, "ORBIT_DATA_DIR", data_dir)
        seed.seed(provider_url=provider_url)
        write_ledger()
        written = history.write()
        write_ledger()
        with access.operator():
            found = Organization.objects.get(slug=slug)
            owner = Person.objects.get(email=email)
        yield Demo(found.pk, written, found, owner)
        assert history.write() == 0


def _rename_colleagues(patch: pytest.MonkeyPatch) -> None:
    """Whoever is there already would not be made a member."""
    own = tuple(
        (f"{secrets.token_hex(4)}-{email}", name, role) for email, name, role in colleagues.COLLEAGUES
    )
    patch.setattr(colleagues, "COLLEAGUES", own)
    patch.setattr(colleagues, "ADMIN", own[0][0])
    patch.setattr(colleagues, "DEVELOPER", own[1][0])
