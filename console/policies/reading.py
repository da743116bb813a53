"""What the pages of policies read. Every function runs in the organization's scope."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q

from console.policies.draft import whole
from tenants.comparison import Difference, compare
from tenants.models import ApiKey, Organization, Policy, PolicyRequest, PolicyRevision, Project

MOST_KEYS = 50  # of one policy that are named
HISTORY = 50


@dataclass(slots=True)
class Attached:
    """Where a policy holds."""

    organization: bool = False
    projects: list[Project] = field(default_factory=list)
    keys: int = 0

    @property
    def anywhere(self) -> bool:
        return self.organization or bool(self.projects) or self.keys > 0


@dataclass(frozen=True, slots=True)
class Listed:
    revision: PolicyRevision  # the one in force
    attached: Attached
    asked: int

    @property
    def name(self) -> str:
        return self.revision.policy.name


@dataclass(frozen=True, slots=True)
class Past:
    """A revision, what it changed, and what going back to it would."""

    revision: PolicyRevision
    changes: list[Difference]
    back: list[Difference]


def listed(organization: Organization) -> list[Listed]:
    """Every policy, in four queries."""
    attached: dict[UUID, Attached] = defaultdict(Attached)
    if organization.policy_id is not None:
        attached[organization.policy_id].organization = True
    for project in Project.objects.filter(archived_at=None).exclude(policy=None).order_by("slug"):
        assert project.policy_id is not None
        attached[project.policy_id].projects.append(project)
    keys = ApiKey.objects.filter(revoked_at=None).exclude(policy=None).order_by()
    for policy_id, count in keys.values_list("policy_id").annotate(Count("pk")):
        attached[policy_id].keys = count
    asked = Counter(
        PolicyRequest.objects.filter(state=PolicyRequest.State.OPEN).values_list("policy_id", flat=True)
    )
    rows = PolicyRevision.objects.select_related("policy").filter(number=F("policy__revision"))
    return [
        Listed(one, attached[one.policy_id], asked[one.policy_id]) for one in rows.order_by("policy__name")
    ]


def in_force(name: str) -> PolicyRevision | None:
    rows = PolicyRevision.objects.select_related("policy")
    return rows.filter(policy__name=name, number=F("policy__revision")).first()


def attached_to(policy: Policy, organization: Organization) -> tuple[Attached, list[ApiKey]]:
    """And the first of its keys."""
    mine = ApiKey.objects.filter(policy=policy, revoked_at=None)
    keys = list(mine.select_related("project").order_by("project__slug", "name")[:MOST_KEYS])
    projects = list(Project.objects.filter(policy=policy, archived_at=None).order_by("slug"))
    return Attached(organization.policy_id == policy.pk, projects, mine.count()), keys


def history(policy: Policy, current: Mapping[str, Any]) -> list[Past]:
    """The newest first."""
    rows = list(PolicyRevision.objects.filter(policy=policy).order_by("-number")[: HISTORY + 1])
    now = whole(current)
    documents = [whole(one.document) for one in rows]
    return [
        Past(
            one,
            compare(documents[place + 1], documents[place]) if place + 1 < len(rows) else [],
            compare(now, documents[place]),
        )
        for place, one in enumerate(rows[:HISTORY])
    ]


def revision_of(policy: Policy, number: int) -> PolicyRevision | None:
    return PolicyRevision.objects.filter(policy=policy, number=number).first()


def attachable(organization: Organization, policy: Policy) -> list[Project]:
    """Projects that are under another policy of their own, or under none."""
    rows = Project.objects.select_related("policy").filter(archived_at=None)
    return list(rows.filter(Q(policy=None) | ~Q(policy=policy)).order_by("slug")[:200])
