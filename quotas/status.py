"""How an organization's limits stand: spent, held, free. For pages, commands and the management API."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from orbit.lib.clock import from_us, rfc3339
from orbit.lib.store import client
from quotas import keys, seeds, usage
from quotas.counters import Counter
from quotas.limits import ANY_USER, FOREVER, SMOOTH_US, Calendar, Limit, Raised, Window, window_at
from quotas.policies import calendar_of, limits_of, strictest
from tenants.models import ApiKey, KeyUse, Organization, PolicyRevision, Project

MOST_KEYS = 500  # whose limits are read at once: of all keys of a large organization that would take a minute


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """One limit's figures in its own unit, cost in nano. A smooth limit's window is open: it drains all the time.

    `limit` and `burst` are those in force, a temporary increase included.
    """

    name: str
    level: str
    object: str
    meter: str
    per: str | None
    models: tuple[str, ...] | None
    window_start: datetime | None
    window_end: datetime | None
    limit: int
    spent: int
    held: int
    free: int
    held_calls: int
    burst: int | None = None  # of a smooth limit
    shadow: bool = False
    raised: Raised | None = None
    is_raised: bool = False  # False of an increase that has ended
    counted: bool = True  # False of a limit on each end user when none is named: it has no figures

    @property
    def raised_until(self) -> datetime | None:
        return from_us(self.raised.until) if self.raised else None

    def as_json(self) -> dict[str, Any]:
        window = temporary = None
        if self.window_start and self.window_end:
            window = {"start": rfc3339(self.window_start), "end": rfc3339(self.window_end)}
        if self.is_raised and self.raised and self.raised_until:
            temporary = {"limit": self.raised.limit, "until": rfc3339(self.raised_until)}
        return {
            "name": self.name,
            "level": self.level,
            "object": self.object,
            "meter": self.meter,
            "per": self.per,
            "models": list(self.models) if self.models is not None else None,
            "shadow": self.shadow,
            "window": window,
            "limit": self.limit,
            "burst": self.burst,
            "temporary": temporary,
            "spent": self.spent if self.counted else None,
            "held": self.held if self.counted else None,
            "free": self.free if self.counted else None,
            "held_calls": self.held_calls if self.counted else None,
        }


@dataclass(frozen=True, slots=True)
class Reading:
    """A limit, its window and its counter at a moment, in microseconds."""

    limit: Limit
    window: Window | None
    counter: Counter
    at_us: int

    @property
    def bucket(self) -> int:
        """What a smooth limit's bucket still holds, in units of (amount x period); drained up to the moment."""
        elapsed = max(0, self.at_us - self.counter.at)
        return max(0, self.counter.used - elapsed * self.limit.in_force(self.at_us)[0])

    @property
    def spent(self) -> int:
        period = SMOOTH_US.get(self.limit.per or "")
        return -(-self.bucket // period) if period else self.counter.used

    @property
    def free(self) -> int:
        return max(0, self.limit.most(self.at_us) - self.spent - self.counter.held)

    def status(self) -> LimitStatus:
        limit, window = self.limit, self.window if self.window != FOREVER else None
        in_force, burst = limit.in_force(self.at_us)
        return LimitStatus(
            name=limit.name,
            level=limit.level,
            object=limit.object_name,
            meter=limit.meter,
            per=limit.per,
            models=limit.models,
            window_start=from_us(window.start) if window else None,
            window_end=from_us(window.end) if window else None,
            limit=in_force,
            spent=self.spent,
            held=self.counter.held,
            free=self.free,
            held_calls=self.counter.calls,
            burst=burst if limit.smooth else None,
            shadow=limit.shadow,
            raised=limit.raised,
            is_raised=limit.is_raised(self.at_us),
            counted=limit.user != ANY_USER,
        )


def organization_limits(organization_id: UUID) -> list[LimitStatus]:
    """Every limit of the organization in scope, its projects and its usable keys. RedisError when the store is away.

    Of more than MOST_KEYS keys, those that were used last.
    """
    attached = Attached(Organization.objects.get(pk=organization_id))
    return attached.statuses(attached.every())


def limits_over(
    organization_id: UUID, only: Mapping[str, Sequence[Any]], *, keys_alone: bool = False
) -> list[LimitStatus]:
    """Those that some calls count against: calls of the projects, keys and models in `only`, by the columns of rollups.

    Limits on whole projects and the organization are among them, unless `keys_alone`. RedisError when the store is away.
    """
    attached = Attached(Organization.objects.get(pk=organization_id))
    limits = attached.over(only, keys_alone=keys_alone)
    models = only.get("model")
    return attached.statuses(
        [one for one in limits if models is None or any(one.applies_to(model) for model in models)]
    )


def every_limit(organization: Organization) -> list[Limit]:
    """As `organization_limits` lists them, in the organization's scope."""
    return strictest(Attached(organization).every(), time.time_ns() // 1000)


def open_projects() -> QuerySet[Project]:
    return Project.objects.filter(archived_at=None)


def usable_keys() -> QuerySet[ApiKey]:
    """Those whose limits count: neither they nor their projects have ended."""
    return ApiKey.objects.filter(revoked_at=None, project__archived_at=None).select_related("project")


class Attached:
    """Which limits there are on the objects of the organization in scope, by the policies in force."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._documents = current_documents()

    def every(self) -> list[Limit]:
        projects = list(open_projects().order_by("slug"))
        keys = self.limited_keys(projects)
        return [*self.of_whole(), *self.of_projects(projects), *self.of_keys(keys)]

    def over(self, only: Mapping[str, Sequence[Any]], *, keys_alone: bool) -> list[Limit]:
        """Of the projects and keys in `only` (of all where it names none), and of the whole that they are part of."""
        projects = open_projects().order_by("slug")
        if "project_id" in only:
            projects = projects.filter(pk__in=only["project_id"])
        if "key_id" in only:
            named = usable_keys().filter(pk__in=only["key_id"], project__in=projects).defer("digest")
            keys = list(named.order_by("name")[:MOST_KEYS])
            projects = projects.filter(pk__in={key.project_id for key in keys})
        else:
            keys = self.limited_keys(list(projects))
        of_keys = self.of_keys(keys)
        return of_keys if keys_alone else [*self.of_whole(), *self.of_projects(projects), *of_keys]

    def of_whole(self) -> list[Limit]:
        """Those of the organization as a whole."""
        organization = self._organization
        whole = {"level": "organization", "object_id": str(organization.pk), "object_name": organization.slug}
        found = self._of(organization.policy_id, **whole)
        if organization.ceiling is not None:
            found += limits_of(organization.ceiling, **whole)
        return found

    def of_projects(self, projects: Iterable[Project]) -> list[Limit]:
        """Those on projects as a whole."""
        return [
            limit
            for project in projects
            for limit in self._of(
                project.policy_id, level="project", object_id=str(project.pk), object_name=project.slug
            )
        ]

    def of_keys(self, keys: Iterable[ApiKey]) -> list[Limit]:
        """Those on single keys: of their own policies, and those on each key of the policies over them."""
        return [limit for key in keys for limit in self._of_key(key)]

    def statuses(self, limits: Sequence[Limit]) -> list[LimitStatus]:
        """How they stand; of several on one counter, the strictest. RedisError when the store is away."""
        organization = self._organization
        return standing(
            organization.shard,
            str(organization.pk),
            strictest(limits, time.time_ns() // 1000),
            calendar_of(organization),
        )

    def _of(self, policy_id: UUID | None, **where: str) -> list[Limit]:
        return limits_of(self._documents[policy_id], **where) if policy_id is not None else []

    def limited_keys(self, projects: Sequence[Project]) -> list[ApiKey]:
        """Usable keys of projects with limits: by a policy of their own, or by one over them that counts keys apart.

        Of more than MOST_KEYS, those that were used last.
        """
        limited = self._limited(projects)
        some = list(limited.order_by("pk")[: MOST_KEYS + 1])
        if len(some) > MOST_KEYS:
            used = KeyUse.objects.order_by("-used_at").values_list("key_id", flat=True)[:MOST_KEYS]
            some = list(limited.filter(pk__in=list(used)))
        return sorted(some, key=lambda key: key.name)

    def has_many_keys(self, projects: Sequence[Project]) -> bool:
        """Whether there are more keys with limits than are read at once."""
        return self._limited(projects).order_by("pk")[MOST_KEYS : MOST_KEYS + 1].exists()

    def next_keys(
        self, projects: Sequence[Project], after: UUID | None, since: datetime | None
    ) -> list[ApiKey]:
        """The MOST_KEYS keys with limits that come next, by id; fewer at the end. `since`: only those used from then on."""
        limited = self._limited(projects)
        if after is not None:
            limited = limited.filter(pk__gt=after)
        if since is not None:
            limited = limited.filter(use__used_at__gte=since)
        return list(limited.order_by("pk")[:MOST_KEYS])

    def _limited(self, projects: Sequence[Project]) -> QuerySet[ApiKey]:
        each = {project.pk for project in projects if any(map(_each_key, self._over(project)))}
        limited = usable_keys().filter(Q(policy__isnull=False) | Q(project_id__in=each)).defer("digest")
        return limited.filter(project__in=projects)

    def _over(self, project: Project) -> list[dict[str, Any]]:
        """The documents over the keys of a project."""
        organization = self._organization
        policies = {organization.policy_id, project.policy_id}
        found = [self._documents[one] for one in policies if one is not None]
        return found + ([organization.ceiling] if organization.ceiling is not None else [])

    def _of_key(self, key: ApiKey) -> list[Limit]:
        where = {"object_id": str(key.pk), "object_name": f"{key.project.slug}/{key.name}"}
        found = self._of(key.policy_id, level="key", **where)
        for document in self._over(key.project):
            each = limits_of(
                document,
                level="key",
                **where,
                key_id=where["object_id"],
                key_name=where["object_name"],
            )
            names = _each_key(document)
            found += [limit for limit in each if limit.name in names]
        return found


def _each_key(document: dict[str, Any]) -> set[str]:
    """Names of the limits that count each key apart."""
    return {rule["name"] for rule in document["limits"] if rule.get("of") == "each_key"}


def current_documents() -> dict[UUID, dict[str, Any]]:
    """The document in force of each policy of the organization in scope."""
    rows = PolicyRevision.objects.filter(number=F("policy__revision"))
    return dict(rows.values_list("policy_id", "document"))


def standing(
    shard: int, organization_id: str, limits: Sequence[Limit], calendar: Calendar
) -> list[LimitStatus]:
    """The figures of limits right now. RedisError when the store is away."""
    return [one.status() for one in readings(shard, organization_id, limits, calendar)]


def readings(shard: int, organization_id: str, limits: Sequence[Limit], calendar: Calendar) -> list[Reading]:
    """The counters of limits right now. One that nobody used yet has what the ledger says."""
    if not limits:
        return []
    now = time.time_ns() // 1000
    windows = [None if one.per is None or one.smooth else window_at(one.per, calendar, now) for one in limits]
    store = client()
    values: Any = store.mget(
        [
            keys.counter(shard, limit.counter, window.start if window else None)
            for limit, window in zip(limits, windows, strict=True)
        ]
    )
    lost: Any = store.hget(keys.meta(shard), "lost")
    asked = list(zip(limits, windows, values, strict=True))
    unused = [
        (limit, window)
        for limit, window, value in asked
        if value is None and window is not None and limit.user == ""
    ]
    spent = iter(usage.spent_together(shard, organization_id, unused) if unused else ())
    found: list[Reading] = []
    for limit, window, value in asked:
        if value is not None:
            counter = Counter.unpack(value)
        elif window is not None and limit.user == "":
            counter = Counter(used=next(spent).total)
        else:
            counter = _unused(shard, organization_id, limit, window, lost, now)
        found.append(Reading(limit, window, counter, now))
    return found


def _unused(
    shard: int, organization_id: str, limit: Limit, window: Window | None, lost: bytes | None, now: int
) -> Counter:
    """What a counter that does not exist would start with, save what open leases hold."""
    if limit.user == ANY_USER:
        return Counter()
    if window is not None:
        return Counter(used=usage.spent(shard, organization_id, limit, window).total)
    span = seeds.remembered(limit, int(lost or 0), now)
    if span is None or limit.per is None:
        return Counter()
    lately = usage.spent(shard, organization_id, limit, span, by_settlement=limit.meter != "requests")
    return Counter(used=min(lately.total, limit.burst) * SMOOTH_US[limit.per], at=now)
