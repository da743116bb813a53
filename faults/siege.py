"""The time of an attack, phase by phase: what the other tenant's calls, its file and an operator's sign-in met meanwhile."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import orjson

from bench import procfs
from faults.attacker import Attacker
from faults.clients import chat
from faults.sign_in import CannotSignIn, Operator, sign_in
from faults.tenants import Tenant
from faults.volley import NUMBER, Fired, Job, Saw, Shot, fire
from faults.whole import Whole

WARMED_S, MEASURED_S = 1.0, 5.0
BUSY = 32  # connections that find out what the gateway can
ANSWER_MS = 250  # the provider's, for the watched tenant's calls
NICE = -5
SIGN_IN_EVERY_S = 15.0
MOST_START_S = 10.0
POLL_S = 0.2
WARMINGS = 5  # by chance, each worker has its part in some


@dataclass
class Phase:
    """What one stretch of time showed. `reports_s`: from the watched tenant's order of a file until somebody was at it."""

    name: str
    seconds: float
    watched: Saw
    attack: list[Saw]
    cpu_s: float
    sign_ins_s: list[float] = field(default_factory=list)
    reports_s: list[float] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return p99(self.watched.total_ms)


@dataclass
class Siege:
    """Those of one trial."""

    stage: Whole
    attacker: Attacker
    watched: Tenant
    management: str  # the watched tenant's
    operators: list[Operator]
    chance: random.Random
    rate: float = 0.0
    served: int = 0  # of the watched tenant's calls, by what its clients saw

    def measure(self, share: float) -> None:
        """Sets the watched tenant's rate to a share of what the gateway serves when the provider takes no time."""
        for seconds in (WARMED_S, MEASURED_S):
            (saw,) = fire([Job(self.stage.port, [call(self.watched, 0)], seconds, connections=BUSY)])
            self.served += saw.of("200")
        self.rate = share * saw.of("200") / saw.elapsed_s

    def warm(self) -> None:
        """Each worker has shown each page and answered the API once: what that costs the first time is not the attack's."""
        for _ in range(WARMINGS):
            phase = Phase("warm", 0.0, Saw(), [], 0.0)
            self._sign_in(phase)
            self._order(phase)

    def phase(self, name: str, seconds: float, ways: Sequence[Callable[[int, float], Job]]) -> Phase:
        job = Job(
            self.stage.port, [call(self.watched, ANSWER_MS)], seconds,
            rate=self.rate, seed=self.chance.randrange(2**30), niceness=NICE,
        )  # fmt: skip
        before_s, began = procfs.cpu_s(self.stage.web), time.monotonic()
        attack = [Fired(way(self.stage.port, seconds)) for way in ways]
        watched = Fired(job)
        found = Phase(name, seconds, Saw(), [], 0.0)
        self._meanwhile(found, began + seconds, reports=bool(ways))
        found.watched, found.attack = Saw(**watched.told()), [Saw(**one.told()) for one in attack]
        self.served += found.watched.of("200")
        if not found.watched.of("200"):
            found.wrongs.append(f"{name}: none of the other tenant's calls was served")
        found.cpu_s = procfs.cpu_s(self.stage.web) - before_s
        return found

    def _meanwhile(self, phase: Phase, ends: float, *, reports: bool) -> None:
        time.sleep(min(2.0, phase.seconds / 4))  # until all clients are there
        while time.monotonic() < ends - 1 or not phase.sign_ins_s:
            due = time.monotonic() + SIGN_IN_EVERY_S
            self._sign_in(phase)
            if reports:
                self._order(phase)
            self.stage.keep()
            time.sleep(max(0.0, min(due, ends) - time.monotonic()))

    def _sign_in(self, phase: Phase) -> None:
        operator = self.operators.pop(0)  # whose code was not used in this half minute
        self.operators.append(operator)
        try:
            phase.sign_ins_s.append(sign_in(self.stage.port, operator))
        except (CannotSignIn, OSError) as error:
            phase.sign_ins_s.append(math.inf)
            phase.wrongs.append(f"{phase.name}: an operator could not sign in: {error}")

    def _order(self, phase: Phase) -> None:
        """A file of the ledger, deleted again when it is begun."""
        path = f"/api/v1/organizations/{self.watched.tag}/exports"
        began = time.monotonic()
        try:
            made = self._api("POST", path, {"format": "csv"})
            while made["state"] == "waiting" and time.monotonic() < began + 2 * MOST_START_S:
                time.sleep(POLL_S)
                made = self._api("GET", f"{path}/{made['id']}")
            phase.reports_s.append(time.monotonic() - began)
            self._api("DELETE", f"{path}/{made['id']}")
        except (OSError, RuntimeError) as error:
            phase.wrongs.append(f"{phase.name}: the other tenant's file was not made: {error}")

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection("127.0.0.1", self.stage.port, timeout=30)
        try:
            headers = {"authorization": f"Bearer {self.management}", "content-type": "application/json"}
            connection.request(method, path, None if body is None else orjson.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(
                f"{method} of it was answered {answer.status} {content[:200].decode(errors='replace')}"
            )
        return orjson.loads(content) if content else None


def call(tenant: Tenant, answer_ms: int) -> Shot:
    body = {**chat(f"first_ms={answer_ms} tokens=20", max_tokens=30), "user": f"{tenant.tag}-{NUMBER}"}
    return Shot("/v1/chat/completions", tenant.key, orjson.dumps(body).decode())


def p99(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else 0.0
