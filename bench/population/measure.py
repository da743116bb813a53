"""Times each page in this process, as its users: a Django client, the real middleware, the real database roles."""

from __future__ import annotations

import math
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from psycopg import sql

from bench import machine, report
from bench.population.pages import API, STAFF, Page, every_page, last_call, organizations, owner_of
from orbit.lib import access
from orbit.lib.store import client
from quotas import keys, rebuild
from quotas.policies import calendar_of
from quotas.status import every_limit, readings
from tenants import services
from tenants.models import Organization, Person
from tenants.rights import SCOPES, Right

SLOW_MS = 2_000  # a page that takes so long is not asked for more than a few times
BAR_MS = 200
REBUILT = "rollups of a day of the largest organization, made again"
BACKEND = "django.contrib.auth.backends.ModelBackend"
COUNTED = ("audit_event", "tenants_apikey", "tenants_organization", "quotas_usagebucket", "tenants_person")


@dataclass
class Timing:
    name: str
    queries: int
    ms: list[float] = field(default_factory=list)

    def percentile(self, part: float) -> float:
        """The nearest rank."""
        return sorted(self.ms)[math.ceil(len(self.ms) * part) - 1]


class Users:
    """Signed in once each."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    def __getitem__(self, whose: str) -> Client:
        if whose not in self._clients:
            self._clients[whose] = self._calling(whose) if whose.startswith(API) else self._signed_in(whose)
        return self._clients[whose]

    def _signed_in(self, whose: str) -> Client:
        client = Client()
        client.force_login(self._person(whose), backend=BACKEND)
        return client

    def _calling(self, whose: str) -> Client:
        """With a key of the management API, of an organization or the operator's."""
        name, slug = f"bench-{secrets.token_hex(4)}", whose.removeprefix(API)
        if slug == STAFF:
            _, text = services.issue_operator_key(name=name, scopes=list(SCOPES), actor="bench")
        else:
            with access.operator():
                organization_id = Organization.objects.get(slug=slug).pk
            rights = [right.value for right in Right]
            _, text = services.issue_management_key(
                organization_id=organization_id, name=name, scopes=rights, actor="bench"
            )
        return Client(headers={"Authorization": f"Bearer {text}"})

    def _person(self, whose: str) -> Person:
        if whose != STAFF:
            with access.operator():
                return owner_of(whose)
        email = "operator@bench.example"
        return Person.objects.filter(email=email).first() or Person.objects.create_superuser(email)


def run(*, rounds: int, only: str, say: Callable[[str], None]) -> list[Timing]:
    with access.operator():
        places = organizations()
        pages = [page for page in every_page(seed=1) if only in page.name]
        has_ledger = last_call(places[0]) is not None
    for place in places:
        _count(place)
    users, timings = Users(), []
    if only in REBUILT and has_ledger:  # without one, sums would be made again from nothing
        timings.append(_rebuilt(places[0]))
        say(f"{timings[-1].percentile(0.95):8.1f} ms: {REBUILT}")
    for page in pages:
        timing = _timed(page, users, rounds)
        timings.append(timing)
        say(f"{timing.percentile(0.95):8.1f} ms, {timing.queries:3} queries: {page.name}")
    return timings


def _count(organization: Organization) -> None:
    """Puts what was used into the store's counters, where it is once calls are made through a gateway."""
    shard, whole = organization.shard, str(organization.pk)
    with access.scope(organization_id=organization.pk):
        found = readings(shard, whole, every_limit(organization), calendar_of(organization))
    for one in found:
        start = one.window.start if one.window else None
        client().set(keys.counter(shard, one.limit.counter, start), one.counter.pack())


def _rebuilt(organization: Organization) -> Timing:
    """Of the largest organization, which has the most to read again; yesterday is a whole day."""
    timing = Timing(REBUILT, 0)
    for back in (1, 2, 3):
        began = time.perf_counter()
        rebuild.rebuild_day(organization.pk, (datetime.now(UTC) - timedelta(days=back)).date())
        timing.ms.append((time.perf_counter() - began) * 1000)
    return timing


def _timed(page: Page, users: Users, rounds: int) -> Timing:
    """The first answer of each address, which also says how many queries it takes, is no figure."""
    asked = list(zip(page.addresses, page.whose, strict=True))
    timing = Timing(page.name, max(_queries(users[whose], address) for address, whose in asked))
    for number, (address, whose) in enumerate(islice(cycle(asked), max(rounds, len(asked)))):
        began = time.perf_counter()
        _ask(users[whose], address)
        timing.ms.append((time.perf_counter() - began) * 1000)
        if timing.ms[-1] > SLOW_MS and number >= len(asked):
            break
    return timing


def _queries(client: Client, address: str) -> int:
    with ExitStack() as stack:
        captured = [
            stack.enter_context(CaptureQueriesContext(connections[alias]))
            for alias in ("default", "operator")
        ]
        _ask(client, address)
    return sum(len(one) for one in captured)


def _ask(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"{address} answered {answer.status_code}")


def markdown(timings: Sequence[Timing]) -> str:
    """All pages together, what is over the bar, and the slowest."""
    every = sorted(ms for timing in timings for ms in timing.ms)
    worst = sorted(timings, key=lambda timing: -timing.percentile(0.95))
    over = [timing.name for timing in worst if timing.percentile(0.95) > BAR_MS]
    lines = [
        *(f"- {name}: {value}" for name, value in _facts()),
        f"- pages: {len(timings)}, asked for {len(every):,} times",
        f"- all of them: p50 {statistics.median(every):.0f} ms, p95 {every[int(len(every) * 0.95)]:.0f} ms",
        f"- pages whose own p95 is over {BAR_MS} ms: {', '.join(over) or 'none'}",
        "",
        report.table(
            [("page", "p50, ms", "p95, ms", "slowest, ms", "queries"), *_rows(_shown(timings, worst))]
        ),
    ]
    return "\n".join(lines)


def _shown(timings: Sequence[Timing], worst: Sequence[Timing]) -> list[Timing]:
    """Organizations' own pages, then the twenty slowest of the admin."""
    own = [timing for timing in timings if not timing.name.startswith("admin ")]
    return own + [timing for timing in worst if timing not in own][:20]


def _rows(timings: Sequence[Timing]) -> Iterator[tuple[str, ...]]:
    for timing in timings:
        figures = (timing.percentile(0.5), timing.percentile(0.95), max(timing.ms))
        yield (timing.name, *(f"{ms:.0f}" for ms in figures), str(timing.queries))


def _facts() -> Iterator[tuple[str, str]]:
    yield from machine.here().items()
    with connections["operator"].cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        size = cursor.fetchone()[0]
        rows = []
        for table in COUNTED:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            rows.append(f"{cursor.fetchone()[0]:,} in `{table}`")
    yield "rows", f"{', '.join(rows)}; {size}"
