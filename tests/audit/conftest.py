"""Events as workers send them, on the shard of an organization of the test's own."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from audit import ledger
from audit.events import COLUMNS, exported
from audit.models import Event
from orbit.lib import access
from orbit.lib.ids import uuid7
from orbit.lib.store import client
from tenants.models import Organization
from tenants.services import create_organization


@dataclass
class Feed:
    organization: Organization

    def call(self, **more: Any) -> dict[str, Any]:
        """A call's event; give fields to change them."""
        event_id = str(uuid7())
        return {
            "v": 1,
            "event_id": event_id,
            "request_id": event_id,
            "kind": "call",
            "organization_id": str(self.organization.pk),
            "organization": self.organization.slug,
            "project_id": str(self.organization.pk),
            "project": "app",
            "key_id": str(self.organization.pk),
            "key": "main",
            "model": "gpt-4o-mini",
            "status": "settled",
            "usage_source": "provider",
            "input_tokens": 10,
            "output_tokens": 5,
            "cost_nano": 4500,
            "currency": "USD",
            "admitted_us": time.time_ns() // 1000,
            "detail": {"attempts": [{"account": "demo", "http_status": 200}]},
            **more,
        }

    def send(self, event: dict[str, Any] | str, kind: str = "call", **fields: str) -> None:
        text = event if isinstance(event, str) else json.dumps(event)
        entry: Any = {"e": text, "k": kind, "t": str(time.time_ns() // 1000), **fields}
        client().xadd(ledger.stream_key(self.organization.shard), entry)

    def write(self) -> None:
        while ledger.write_shard(client(), self.organization.shard):
            pass

    def rows(self) -> list[Event]:
        with access.operator():
            return list(Event.objects.filter(organization_id=self.organization.pk).order_by("seq"))

    def exported(self) -> list[dict[str, Any]]:
        return [exported({name: getattr(row, name) for name in COLUMNS}) for row in self.rows()]

    @property
    def id(self) -> UUID:
        return self.organization.pk


@pytest.fixture
def feed() -> Feed:
    made = Feed(create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test"))
    made.write()  # the act of its creation
    return made
