"""The tenant setting of a connection is that of the request which uses it, whatever became of the one before.

Requests run as in a worker: a thread each, connections from a pool that is smaller than their number. After each
statement the connection itself is asked for its setting.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.core.asgi import get_asgi_application
from django.db import connections
from django.db.backends.utils import CursorWrapper

from console.calls import reading
from orbit.lib import access
from tests.console.conftest import Tenant, make_tenant

POOL = 4
LEAVING = 0.2  # of the clients
SETTING = "SELECT coalesce(current_setting('orbit.organization', true), ''), coalesce(current_setting('orbit.person', true), '')"


@dataclass
class Watch:
    """Statements of the scoped role, and those that found another setting than their scope's."""

    statements: int = 0
    wrong: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


@contextmanager
def watched() -> Iterator[Watch]:
    watch, execute = Watch(), CursorWrapper._execute  # type: ignore[attr-defined]

    def asked(self: Any, sql: Any, params: Any, *rest: Any) -> Any:
        done = execute(self, sql, params, *rest)
        if self.db.alias == "default" and "set_config" not in str(sql):
            scope = access.current()
            expected = (
                str((scope and scope.organization_id) or ""),
                str((scope and scope.person_id) or ""),
            )
            with self.db.connection.cursor() as cursor:
                found = cursor.execute(SETTING).fetchone()
            watch.statements += 1
            if found != expected:
                watch.wrong.append(f"{sql}: {found} instead of {expected}")
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute", asked)
        yield watch


@pytest.fixture
def pooled() -> Iterator[None]:
    """As in production, which the suite otherwise is not."""
    connection = connections["default"]
    connection.close()
    connection.settings_dict["OPTIONS"]["pool"] = {"min_size": 0, "max_size": POOL, "timeout": 10}
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of Postgres
    del connection.settings_dict["OPTIONS"]["pool"]


@dataclass(frozen=True)
class Signed:
    """A tenant's owner, signed in."""

    tenant: Tenant
    cookie: str
    others: frozenset[str]  # what only other tenants' pages may say

    @classmethod
    def all(cls, count: int) -> list[Signed]:
        tenants = [make_tenant() for _ in range(count)]
        emails = [one.owner.email for one in tenants]
        return [
            cls(
                one,
                f"sessionid={one.client().cookies['sessionid'].value}",
                frozenset(emails) - {one.owner.email},
            )
            for one in tenants
        ]


async def _ask(application: Any, who: Signed, path: str, turns: int | None) -> tuple[int, str]:
    """Status 0 when the client left, which it does after so many turns of the event loop."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"cookie", who.cookie.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    body, status = b"", 0
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if asked:
            return asked.pop()
        if turns is None:
            await asyncio.Event().wait()
        for _ in range(turns or 0):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal body, status
        status = message.get("status", status)
        body += message.get("body", b"")

    await application(scope, receive, send)
    return status, body.decode()


async def _mixed(signed: list[Signed], requests: int, at_once: int, watch: Watch, seed: int) -> None:
    chance, room = random.Random(seed), asyncio.Semaphore(at_once)
    application = get_asgi_application()

    async def one(number: int) -> None:
        who, other = chance.sample(signed, 2)
        path = chance.choice(
            [
                who.tenant.path,
                f"{who.tenant.path}members/",
                "/organizations/",
                f"{who.tenant.path}calls/{uuid4()}/",  # fails, see `failing`
                f"{other.tenant.path}members/",
            ]
        )
        leaves = chance.randrange(400) if chance.random() < LEAVING else None
        async with room:
            status, said = await _ask(application, who, path, leaves)
        watch.answers[str(status or "left")] += 1
        assert not [email for email in who.others if email in said], (number, path)

    await asyncio.gather(*(one(number) for number in range(requests)))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The page of a call fails in the middle of its transaction."""
    caplog.set_level("CRITICAL", "django.request")
    find: Callable[..., Any] = reading.call

    def broken(*args: Any) -> Any:
        find(*args)
        raise RuntimeError("in the middle")

    monkeypatch.setattr(reading, "call", broken)


@pytest.mark.full
@pytest.mark.usefixtures("pooled", "failing")
@pytest.mark.parametrize(
    ("tenants", "requests"), [(10, 300), pytest.param(50, 10_000, marks=pytest.mark.full)]
)
def test_every_statement_runs_in_the_scope_of_its_request(tenants: int, requests: int) -> None:
    signed = Signed.all(tenants)
    with watched() as watch:
        asyncio.run(_mixed(signed, requests, 40, watch, seed=tenants))
    assert watch.wrong == []
    assert {"200", "404", "500", "left"} <= watch.answers.keys()
    assert watch.statements > requests
    print(
        f"{requests} requests of {tenants} tenants, {dict(watch.answers)}: 0 of {watch.statements} statements wrong"
    )


@pytest.mark.usefixtures("pooled")
def test_a_setting_that_outlives_its_request_would_be_found() -> None:
    """The control: one that is not of its transaction alone stays on the pooled connection."""
    signed = Signed.all(2)
    with watched() as watch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "_tell_postgres", _for_the_session)
        asyncio.run(_mixed(signed, 20, 4, watch, seed=1))
    assert watch.wrong


def _for_the_session(organization_id: Any, person_id: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT set_config('orbit.organization', %s, false), set_config('orbit.person', %s, false)",
            [str(organization_id or ""), str(person_id or "")],
        )
