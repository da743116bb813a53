"""Keys that go on asking although a limit has no room: answered unread, and counted all the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import Link
from proxy import entry
from proxy.context import Principal
from proxy.repeats import AFTER, FOR_S, Repeats
from proxy.room import Room
from quotas import keys
from quotas.limits import Limit
from tenants import keys as tenant_keys

LIMIT = Limit("daily", "organization", "o", "acme", "requests", "day", 1, 1)
REFUSED = OrbitError(
    Code.INSUFFICIENT_QUOTA, "No room.", data={"limit": "daily", "level": "organization"}, retry_after_s=9
)


def principal(*limits: Limit) -> Principal:
    return cast("Principal", SimpleNamespace(digest=b"key", policy=SimpleNamespace(limits=limits)))


def after_a_row(error: OrbitError = REFUSED, *limits: Limit, length: int = AFTER) -> Repeats:
    repeats = Repeats(cast("Link", None))
    for _ in range(length):
        repeats.refused(principal(*(limits or (LIMIT,))), error, 0.0)
    return repeats


def test_a_long_row_is_answered_with_the_last_refusal() -> None:
    found = after_a_row().known(b"key", 0.1)
    assert found is not None
    assert (found.code, found.data, found.retry_after_s) == (REFUSED.code, REFUSED.data, 9)
    assert "was not read" in found.message


def test_a_short_row_is_looked_at() -> None:
    assert after_a_row(length=AFTER - 1).known(b"key", 0.1) is None


def test_the_limit_is_asked_again_after_a_moment() -> None:
    assert after_a_row().known(b"key", FOR_S) is None


def test_an_admission_ends_the_row() -> None:
    repeats = after_a_row()
    repeats.admitted(b"key")
    assert repeats.known(b"key", 0.1) is None


def test_limits_that_not_every_call_meets_speak_for_none() -> None:
    for limit in (replace(LIMIT, models=("gpt-4o",)), replace(LIMIT, level="end_user")):
        error = OrbitError(REFUSED.code, "No room.", data={"limit": "daily", "level": limit.level})
        assert after_a_row(error, limit).known(b"key", 0.1) is None
    other = OrbitError(Code.CONTENT_BLOCKED, "No.", data=REFUSED.data)
    assert after_a_row(other).known(b"key", 0.1) is None


def long_row(link: Any) -> tuple[Any, Principal]:
    """A worker that knows one key, which was refused many times just now."""
    organization = SimpleNamespace(id="o", slug="acme", shard=3)
    known = cast(
        "Principal",
        SimpleNamespace(
            digest=b"key",
            organization=organization,
            project=SimpleNamespace(id="p", slug="app"),
            key=SimpleNamespace(id="k", name="main"),
            policy=SimpleNamespace(limits=(LIMIT,), retention=None),
            refusals={},
        ),
    )
    repeats = Repeats(link)
    for _ in range(AFTER):
        repeats.refused(
            known, REFUSED, asyncio.get_running_loop().time() + 60
        )  # it lasts longer than this test
    runtime = SimpleNamespace(
        tracer=None,
        stopping=False,
        key_pepper="pepper",
        snapshots=SimpleNamespace(known=lambda _: known),
        room=Room.of(100, 1_000_000),
        repeats=repeats,
        measures=SimpleNamespace(turned_away=lambda *_: None),
        refusals=SimpleNamespace(add=lambda *_: None),
    )
    return runtime, known


def test_flood_of_an_exhausted_key_is_refused_before_its_body_comes_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent, counted = list[Any](), list[Any]()

    async def nothing_comes() -> Any:
        raise AssertionError("the body was waited for")

    async def send(message: Any) -> None:
        sent.append(message)

    class Store:
        async def call(self, *command: Any) -> None:
            counted.append(command)

    async def work() -> None:
        runtime, _ = long_row(SimpleNamespace(at=lambda _: Store()))
        monkeypatch.setattr(tenant_keys, "digest", lambda *_: b"key")
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "client": ("192.0.2.1", 1),
            "headers": [
                (b"authorization", b"Bearer " + b"x" * tenant_keys.LENGTH),
                (b"content-length", b"50"),
            ],
        }
        for _ in range(3):
            await entry.serve(runtime, scope, nothing_comes, send)
        await runtime.repeats.send()
        assert (runtime.room.calls.taken, runtime.room.body_bytes.taken) == (0, 0)

    asyncio.run(work())
    assert [one["status"] for one in sent if "status" in one] == [429] * 3
    assert all(b"was not read" in one["body"] for one in sent if "body" in one)
    [(name, key, field, times)] = counted
    assert (name, key, times) == ("HINCRBY", keys.refused(3), 3)
    assert field.split(b"\n")[1:3] == [b"insufficient_quota", b"daily"]
