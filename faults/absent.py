"""The gateway starts while Postgres, Valkey or the secret store is absent, and the store comes later."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import cast

from django.conf import settings

from audit.models import Event
from faults import checker
from faults.attacker import management_key
from faults.clients import chat
from faults.installation import forget_connections
from faults.scenario import Figure, Found, Measure, Scenario
from faults.servers import Servers
from faults.tenants import Tenant
from faults.vaults import REF, Vault, running_vault
from faults.whole import Whole, whole
from orbit.lib import access

SHORTEST_S, LONGEST_S = 1.0, 25.0  # of an absence, once the gateway is up
UP_S = 60.0  # for a gateway to be up that lacks a store
RECOVERY_S = 10.0
GIVEN_UP_S = 45.0
ANSWERS_S = (
    12.0  # of an absence in which each kind must have been answered; without Postgres that takes five seconds
)
PROVEN_S = 3.0  # without a fault, after which it counts as recovered
PACE_S = 0.1
PATIENCE_S = 20.0
STORES = ("postgres", "valkey", "secrets")
MONEY = "money"  # calls under a limit on money
SMOOTH = "smooth"  # under one on requests a minute alone
KEPT = "kept"  # such whose account's credential is in the secret store
PAGE, API = "page", "api"
SERVED = ("200",)
WAY: Mapping[str, Mapping[str, tuple[str, ...]]] = {  # what may be answered while a store is absent
    "postgres": {
        MONEY: ("503 auth_unavailable",), SMOOTH: ("503 auth_unavailable",), KEPT: ("503 auth_unavailable",),
        PAGE: ("200", "503"), API: ("503 unavailable",),
    },
    "valkey": {
        MONEY: ("503 limiter_unavailable",), SMOOTH: SERVED, KEPT: SERVED, PAGE: ("200", "503"), API: SERVED,
    },
    "secrets": {
        MONEY: SERVED, SMOOTH: SERVED, KEPT: ("503 credentials_unavailable",), PAGE: SERVED, API: SERVED,
    },
}  # fmt: skip


@dataclass
class Deserted:
    """An installation, and the secret store beside it."""

    whole: Whole
    vault: Vault

    def begin(self) -> None:
        self.whole.begin()

    def take_away(self, which: str) -> None:
        if which == "secrets":
            self.vault.stop()
        else:
            servers = self.whole.servers
            servers.stop(servers.postgres if which == "postgres" else servers.valkey)

    def bring_back(self, which: str) -> None:
        if which == "secrets":
            self.vault.start()
            return
        servers = self.whole.servers
        servers.start(servers.postgres if which == "postgres" else servers.valkey)
        forget_connections()


@contextmanager
def deserted(servers: Servers | None) -> Iterator[Deserted]:
    assert servers is not None
    with running_vault() as vault:
        given = vault.environment()
        before = {name: getattr(settings, name) for name in given}
        for name, value in given.items():  # accounts are saved in this process
            setattr(settings, name, value)
        try:
            with whole(servers, environment={**given, "ORBIT_LOG_LEVEL": "ERROR"}) as made:
                yield Deserted(made, vault)
        finally:
            for name, value in before.items():
                setattr(settings, name, value)


@dataclass(frozen=True)
class Probe:
    kind: str
    started: float
    ended: float
    how: str  # status, or status and code; `none` without an answer


@dataclass
class Probes:
    """Each kind is asked again and again, by a thread of its own."""

    port: int
    kinds: Mapping[str, Callable[[], tuple[str, str, str, str]]]  # method, path, key, body
    seen: list[Probe] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=[kind], daemon=True) for kind in self.kinds]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind: str) -> None:
        while not self.over.is_set():
            started = time.monotonic()
            how = self._ask(*self.kinds[kind]())
            self.seen.append(Probe(kind, started, time.monotonic(), how))
            self.over.wait(PACE_S)

    def _ask(self, method: str, path: str, key: str, body: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            connection.request(method, path, body or None, headers if key else {})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            return "none"
        finally:
            connection.close()
        return str(answer.status) if answer.status < 400 else f"{answer.status} {_code(content)}".strip()


def _code(content: bytes) -> str:
    with suppress(ValueError, AttributeError):
        said = json.loads(content)
        return str(said.get("error", said).get("code", ""))
    return ""


@dataclass(frozen=True)
class Tenants:
    money: Tenant
    smooth: Tenant
    kept: Tenant

    @property
    def all(self) -> tuple[Tenant, ...]:
        return self.money, self.smooth, self.kept


def _tenants(stage: Deserted) -> Tenants:
    smooth = [{"name": "rpm", "meter": "requests", "per": "minute", "limit": 100_000}]
    account = {
        "name": "demo", "kind": "openai_compatible", "base_url": stage.whole.provider.base_url,
        "prices_as": "openai", "credential": {"ref": REF},
    }  # fmt: skip
    money = [{"name": "budget", "meter": "cost", "per": "month", "limit": "1000.00"}]
    return Tenants(
        stage.whole.tenant(money), stage.whole.tenant(smooth), stage.whole.tenant(smooth, accounts=[account])
    )


def absent(stage: Deserted, chance: random.Random) -> Found:
    wrongs: list[str] = []
    figures: dict[str, Figure] = {}
    for which in chance.sample(STORES, len(STORES)):
        found, shown = _one(stage, which, chance.uniform(SHORTEST_S, LONGEST_S))
        wrongs += [f"{which}: {wrong}" for wrong in found]
        figures |= {f"{name}_{which}": value for name, value in shown.items()}
    for name in ("unknown", "deaths"):
        figures[name] = sum(cast("float", figures[f"{name}_{which}"]) for which in STORES)
    return Found(wrongs, len(STORES), figures)


def _one(stage: Deserted, which: str, absence_s: float) -> tuple[list[str], dict[str, Figure]]:
    installation = stage.whole
    tenants = _tenants(stage)
    management = management_key(tenants.money.id, "watch")
    installation.stop()
    stage.take_away(which)
    try:
        installation.start()
        installation.wait_ready("/healthz")
        probes = Probes(installation.port, _kinds(tenants, management))
        up = time.monotonic()
        _keep(installation, lambda: time.monotonic() > up + absence_s)
    finally:
        back = time.monotonic()
        stage.bring_back(which)
    came_s = time.monotonic() - back  # a server that is told to start is there a moment later
    back += came_s
    _keep(installation, lambda: _recovered(probes, back) or time.monotonic() > back + GIVEN_UP_S)
    written_s = _written(installation, tenants.money, back)
    probes.stop()
    wrongs = [*_answers(which, probes.seen, up, back - came_s)]
    recovery_s = _recovery_s(probes.seen, back)
    if recovery_s > RECOVERY_S or not _recovered(probes, back):
        wrongs.append(f"not all was well within {RECOVERY_S:.0f} s: {_last_bad(probes.seen)}")
    if written_s > RECOVERY_S:
        wrongs.append(f"the ledger had the first call after {written_s:.1f} s")
    for tenant in tenants.all:
        books = checker.read(installation.store, installation.provider, tenant, rest_s=30)
        wrongs += checker.wrongs(books, tenant, [])
    during = [one for one in probes.seen if up < one.started and one.ended < back - came_s]
    return wrongs, {
        "recovery_s": round(recovery_s, 2),
        "written_s": round(written_s, 2),
        "slowest_s": round(max((one.ended - one.started for one in during), default=0.0), 2),
        "absence_s": round(absence_s, 1),
        "asked": len(during),
        "unknown": sum(one.how.startswith("401") for one in probes.seen),
        "deaths": installation.deaths,
    }


def _kinds(tenants: Tenants, management: str) -> dict[str, Callable[[], tuple[str, str, str, str]]]:
    numbers = iter(range(10**9))

    def call(tenant: Tenant) -> Callable[[], tuple[str, str, str, str]]:
        def made() -> tuple[str, str, str, str]:
            body = {**chat("tokens=3", max_tokens=9), "user": f"{tenant.tag}-{next(numbers)}"}
            return "POST", "/v1/chat/completions", tenant.key, json.dumps(body)

        return made

    return {
        MONEY: call(tenants.money),
        SMOOTH: call(tenants.smooth),
        KEPT: call(tenants.kept),
        PAGE: lambda: ("GET", "/accounts/login/", "", ""),
        API: lambda: ("GET", f"/api/v1/organizations/{tenants.money.tag}", management, ""),
    }


def _keep(installation: Whole, done: Callable[[], bool]) -> None:
    """Processes that end are started again meanwhile, as whoever runs them does."""
    while not done():
        installation.keep()
        time.sleep(0.05)


def _recovered(probes: Probes, back: float) -> bool:
    """Nothing went wrong for a while, of any kind."""
    seen = list(probes.seen)
    since = max((one.ended for one in seen if one.how != "200"), default=back)
    since = max(since, back)
    good = [
        min((one.started for one in seen if one.kind == kind and one.started > since), default=None)
        for kind in probes.kinds
    ]
    return all(first is not None for first in good) and time.monotonic() > since + PROVEN_S


def _recovery_s(seen: Sequence[Probe], back: float) -> float:
    """Until the last call that ended badly, also one that was asked before."""
    return max((one.ended for one in seen if one.ended > back and one.how != "200"), default=back) - back


def _last_bad(seen: Sequence[Probe]) -> str:
    bad = {one.kind: one.how for one in seen if one.how != "200"}
    return ", ".join(f"{kind} met {how}" for kind, how in bad.items()) or "nothing failed"


def _answers(which: str, seen: Sequence[Probe], up: float, back: float) -> Iterator[str]:
    """While the store was absent; and no valid key is unknown, ever."""
    met: dict[tuple[str, str], int] = {}
    for one in seen:
        if up < one.started and one.ended < back and one.how not in WAY[which][one.kind]:
            met[one.kind, one.how] = met.get((one.kind, one.how), 0) + 1
        if one.how.startswith("401"):
            yield f"a valid key was answered 401 ({one.kind})"
    for (kind, how), times in met.items():
        yield f"{kind} was answered {how} ({times} times), not {' or '.join(WAY[which][kind])}"
    for kind in WAY[which] if back - up > ANSWERS_S else ():
        if not any(one.kind == kind and up < one.started and one.ended < back for one in seen):
            yield f"{kind} was never answered"


def _written(installation: Whole, tenant: Tenant, back: float) -> float:
    """Seconds from the store's return until the ledger has a call that was made after it."""
    since = time.time() - (time.monotonic() - back)
    deadline = time.monotonic() + GIVEN_UP_S
    while time.monotonic() < deadline:
        installation.keep()
        with access.operator():
            rows = Event.objects.filter(organization_id=tenant.id, kind="call", status="settled")
            first = rows.order_by("recorded_at").values_list("recorded_at", "admitted_at")
            for recorded, admitted in first:
                if admitted.timestamp() > since:
                    return float(recorded.timestamp() - since)
        time.sleep(0.1)
    return GIVEN_UP_S


_MEASURES = [
    measure
    for which, words in (("postgres", "Postgres"), ("valkey", "Valkey"), ("secrets", "the secret store"))
    for measure in (
        Measure(
            f"recovery_s_{which}", f"{words}: longest until nothing failed any more, s", "max", RECOVERY_S, 2
        ),
        Measure(
            f"written_s_{which}", f"{words}: longest until the ledger had a new call, s", "max", RECOVERY_S, 2
        ),
        Measure(f"slowest_s_{which}", f"{words}: slowest answer meanwhile, s", "max", None, 2),
        Measure(f"asked_{which}", f"{words}: answers meanwhile", "sum"),
    )
]

SCENARIOS = [
    Scenario(
        "absent", 1,
        "web workers, task worker and scheduler start while Postgres, Valkey or the secret store is absent, which comes 1 to 25 s after "
        "they are up",
        "meanwhile each call, page and request of the API is answered as docs/architecture.md says, no valid key gets 401; 10 s after the "
        "store is there nothing fails any more and the ledger takes calls, without anybody's help",
        30, "absences", deserted, absent,
        (
            Measure("unknown", "valid keys answered 401", "sum", 0),
            *_MEASURES,
            Measure("deaths", "processes that ended by themselves and were started again", "sum"),
        ),
    ),
]  # fmt: skip
