"""The tenant that attacks: what it may do by its own policy, and the five ways in which it overdoes it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from faults.clients import chat
from faults.volley import NUMBER, Job, Shot
from faults.whole import WORKERS, Whole
from orbit.lib import access
from tenants import services
from tenants.apply import apply
from tenants.models import Organization
from tenants.rights import Right

FLOOD = 200  # connections of the rejected flood
STREAMS = 4 * WORKERS * 50  # of the accepted flood, as many as its policy lets it have at a time
SLOW_MS = 30_000  # until the provider answers these
QUEUERS, SEARCHERS, NAMERS = 8, 20, 50  # connections of the other three
MODEL = "gpt-4o-mini"
COMPLETIONS = "/v1/chat/completions"
LIMITS: list[dict[str, Any]] = [
    {"name": "at-once", "meter": "concurrency", "limit": STREAMS},
    {"name": "each", "meter": "requests", "per": "day", "limit": 1000, "of": "each_end_user"},
]
SPENT: list[dict[str, Any]] = [{"name": "spent", "meter": "requests", "per": "total", "limit": 1}]


@dataclass(frozen=True)
class Attacker:
    id: UUID
    slug: str
    shard: int
    key: str
    spent: str  # a key whose only request is made
    management: tuple[str, ...]

    def ways(self) -> dict[str, Callable[[int, float], Job]]:
        """By name, each given the gateway's port and how long."""
        return {
            "rejected": self._rejected,
            "accepted": self._accepted,
            "background": self._background,
            "queries": self._queries,
            "names": self._names,
        }

    def _rejected(self, port: int, seconds: float) -> Job:
        return Job(port, [_call(self.spent, {})], seconds, connections=FLOOD)

    def _accepted(self, port: int, seconds: float) -> Job:
        # Each for a user of its own: the limit of each is also that of all calls that name nobody.
        slow = {**chat(f"first_ms={SLOW_MS} tokens=5", stream=True, max_tokens=9), "user": f"slow-{NUMBER}"}
        return Job(port, [_call(self.key, slow)], seconds, connections=STREAMS)

    def _background(self, port: int, seconds: float) -> Job:
        """Files of the ledger and reconciliations to be made, and reports made at once."""
        orders: list[tuple[str, dict[str, Any]]] = [
            ("exports", {"format": "csv"}),
            ("reconciliation/runs", {"account": "demo"}),
        ]
        report = self._path("report/file?by=model,key&range=year&format=xlsx")
        shots = [
            shot
            for key in self.management
            for shot in (
                *(Shot(self._path(what), key, json.dumps(body)) for what, body in orders),
                Shot(report, key, method="GET"),
            )
        ]
        return Job(port, shots, seconds, connections=QUEUERS)

    def _queries(self, port: int, seconds: float) -> Job:
        """Patterns that match much and say little, pages as large as they may be and larger, all of the ledger at once."""
        wild = "%25_%25_%25_%25"
        asked = [
            f"keys?limit=200&name=*{NUMBER}*_*%25*_*",
            f"events?limit=200&target={wild}",
            f"calls?limit=200&end_user={wild}",
            "calls?limit=1000000",
            f"events?limit=200&kind=call&cursor={NUMBER}",
            "events/export?format=csv",
            "usage?range=year",
            "limits?limit=200",
        ]
        shots = [Shot(self._path(one), key, method="GET") for key in self.management for one in asked]
        return Job(port, shots, seconds, connections=SEARCHERS)

    def _names(self, port: int, seconds: float) -> Job:
        """Users, models and tags that nobody has heard of."""
        user = {**chat("tokens=3", max_tokens=9), "user": f"user-{NUMBER}"}
        tagged = {**user, "user": f"tagger-{NUMBER}", "metadata": {f"tag-{NUMBER}": NUMBER}}
        model = {**user, "model": f"model-{NUMBER}"}
        return Job(port, [_call(self.key, one) for one in (user, model, tagged)], seconds, connections=NAMERS)

    def _path(self, what: str) -> str:
        return f"/api/v1/organizations/{self.slug}/{what}"


def _call(key: str, body: dict[str, Any]) -> Shot:
    return Shot(COMPLETIONS, key, json.dumps(body or chat("tokens=3", max_tokens=9)))


def make_attacker(stage: Whole) -> Attacker:
    slug = f"a-{secrets.token_hex(6)}"
    account = {
        "name": "demo",
        "kind": "openai_compatible",
        "base_url": stage.provider.base_url,
        "prices_as": "openai",
        "credential": {"value": "sk-demo-faults"},
    }
    keys = [{"name": "main"}, {"name": "spent", "policy": "spent"}]
    organization = {
        "slug": slug,
        "name": slug,
        "provider_accounts": [account],
        "models": [{"alias": MODEL, "targets": [{"account": "demo", "model": MODEL}]}],
        "policies": [{"name": "all", "limits": LIMITS}, {"name": "spent", "limits": SPENT}],
        "policy": "all",
        "projects": [{"slug": "app", "name": "App", "keys": keys}],
    }
    outcome = apply({"version": 1, "organizations": [organization]}, actor="faults")
    issued = {one.name.rpartition("/")[2]: one.secret for one in outcome.keys}
    with access.operator():
        row = Organization.objects.get(slug=slug)
    management = tuple(management_key(row.pk, f"m-{number}") for number in range(SEARCHERS))
    return Attacker(row.pk, slug, row.shard, issued["main"], issued["spent"], management)


def management_key(organization_id: UUID, name: str) -> str:
    """One that opens all that an organization's key can."""
    _, text = services.issue_management_key(
        organization_id=organization_id, name=name, scopes=list(Right), actor="faults"
    )
    return text
