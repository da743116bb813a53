"""What an organization has in Grafana: a folder, a team that may see it, and in it a board that names the organization.

All of it is found again by names made of the organization's id, so that doing it twice changes nothing, and a name that
changes is a folder renamed.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from orbit.grafana.api import VIEW, Grafana, Json
from orbit.lib import access
from orbit.metrics import boards
from tenants.models import Organization

REMEMBERED_S = 3600  # for so long what was done once is not looked at again, unless all is
AWAY_S = 60  # for so long a Grafana that did not answer is not asked for single organizations
DROPPED_FOR = timedelta(days=14)  # after a purge, in which its folder is looked for


@dataclass(frozen=True, slots=True)
class Wanted:
    """`gone`: it was purged, and shall have nothing."""

    id: UUID
    slug: str
    name: str
    source: str
    gone: bool = False

    @property
    def folder(self) -> str:
        return f"orbit-{self.id.hex}"  # Grafana takes 40 characters

    @property
    def board(self) -> str:
        return f"tenant-{self.id.hex}"

    @property
    def title(self) -> str:
        return self.slug if self.name == self.slug else f"{self.name} ({self.slug})"

    @property
    def team(self) -> str:
        """With its id, as another installation may have an organization of the same slug."""
        return f"{self.slug} (Orbit {self.id.hex[-8:]})"

    def model(self) -> Json:
        model = boards.of_organization(self.board, f"{self.title}: usage", self.slug, self.source)
        model["description"] = f"Written by Orbit Gateway; changes are not kept. {_digest(model)[:16]}"
        return model


def wanted(ids: Collection[UUID] | None = None) -> list[Wanted]:
    """Of these organizations; else of all that there are, and of those whose purge is not long ago."""
    with access.operator():
        if ids is not None:
            rows = Organization.objects.filter(pk__in=ids)
        else:
            since = timezone.now() - DROPPED_FOR
            rows = Organization.objects.filter(Q(purged_at=None) | Q(purged_at__gte=since))
        found = rows.order_by("slug").values_list("id", "slug", "name", "purged_at")
        return [Wanted(id_, slug, name, _source(id_, slug), bool(gone)) for id_, slug, name, gone in found]


def _source(id_: UUID, slug: str) -> str:
    return settings.ORBIT_GRAFANA_SOURCE.replace("{slug}", slug).replace("{id}", id_.hex)


def put(grafana: Grafana, one: Wanted) -> list[str]:
    """Makes Grafana as it is wanted; what had to be done for it, in words. GrafanaError leaves the rest undone."""
    if one.gone:
        return _dropped(grafana, one)
    done = _folder(grafana, one)
    # Before the board is there: a new folder is everybody's to read.
    done += _permissions(grafana, one)
    return done + _board(grafana, one)


def _dropped(grafana: Grafana, one: Wanted) -> list[str]:
    done = ["folder deleted"] if grafana.delete_folder(one.folder) else []
    team = grafana.team(one.team)
    if team is not None:
        grafana.delete_team(team)
        done.append("team deleted")
    return done


def _folder(grafana: Grafana, one: Wanted) -> list[str]:
    found = grafana.folder(one.folder)
    if found is None:
        grafana.create_folder(one.folder, one.title)
        return ["folder created"]
    if found.get("title") != one.title:
        grafana.rename_folder(one.folder, one.title)
        return ["folder renamed"]
    return []


def _permissions(grafana: Grafana, one: Wanted) -> list[str]:
    """The team may look; no role may. What people of the installation gave to persons and other teams by hand stays."""
    done = []
    team = grafana.team(one.team)
    if team is None:
        team = grafana.create_team(one.team)
        done.append("team created")
    found = grafana.permissions(one.folder)
    if any(row.get("role") in ("Viewer", "Editor") for row in found) or not any(
        row.get("teamId") == team for row in found
    ):
        kept = [item for row in found if (item := _by_hand(row)) and item.get("teamId") != team]
        grafana.set_permissions(one.folder, [*kept, {"teamId": team, "permission": VIEW}])
        done.append("permissions set")
    return done


def _by_hand(row: Json) -> Json | None:
    for who in ("userId", "teamId"):
        if row.get(who):
            return {who: row[who], "permission": row["permission"]}
    return None


def _board(grafana: Grafana, one: Wanted) -> list[str]:
    model = one.model()
    found = grafana.board(one.board)
    if found is not None:
        inside = found.get("meta", {}).get("folderUid") == one.folder
        if inside and _shown(found.get("dashboard") or {}) == _shown(model):
            return []
    grafana.save_board(one.folder, model)
    return ["board written"]


def _shown(model: Json) -> Any:
    """What must not be another one's: Grafana itself adds fields to a model, and brings old ones up to date."""
    asked = [
        (target.get("expr"), (target.get("datasource") or {}).get("uid"))
        for panel in model.get("panels", [])
        for target in panel.get("targets", [])
    ]
    variables = (model.get("templating") or {}).get("list") or []
    return model.get("title"), model.get("description"), asked, len(variables)


def _digest(told: Any) -> str:
    return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _mark(one: Wanted) -> tuple[str, str]:
    where = settings.ORBIT_GRAFANA_URL
    return f"grafana:{one.id.hex}", _digest([where, one.title, one.gone, one.model()])


def is_known(one: Wanted) -> bool:
    """Whether just this was done lately, so that a change of something else need not ask Grafana."""
    key, mark = _mark(one)
    return bool(cache.get(key) == mark)


def remember(one: Wanted) -> None:
    key, mark = _mark(one)
    cache.set(key, mark, REMEMBERED_S)


def _of_this(what: str) -> str:
    return f"grafana:{what}:{_digest(settings.ORBIT_GRAFANA_URL)[:16]}"


def is_away() -> bool:
    """Whether Grafana did not answer a moment ago."""
    return bool(cache.get(_of_this("away")))


def remember_away() -> None:
    cache.set(_of_this("away"), True, AWAY_S)


def in_turn() -> list[UUID]:
    """All organizations, from behind the one at which the last round ended early."""
    found = wanted()
    ended = cache.get(_of_this("ended")) or ""
    found.sort(key=lambda one: (one.slug <= ended, one.slug))
    return [one.id for one in found]


def remember_end(slug: str) -> None:
    """`slug`: the last one that was tried; empty for a round that came through."""
    cache.set(_of_this("ended"), slug, None)
