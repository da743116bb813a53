"""Keys that go on asking although a limit has no room: answered unread, and counted all the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orbit.lib.errors import Code, OrbitError
from orbit.lib.redis import Link, NotSent, StoreUnavailable
from proxy import entry
from proxy.context import Principal
from proxy.repeats import AFTER, FOR_S, Repeats
from proxy.room import Room
from proxy.strangers import EndUsers
from proxy.surfaces import OPENAI
from proxy.views import CallView
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


@pytest.mark.parametrize(
    ("meter", "per", "spent", "speaks"),
    [
        ("requests", "day", 1, True),
        ("requests", "minute", 1, True),
        ("requests", None, 0, False),
        ("tokens", "minute", 200, False),
        ("tokens", "day", 99, False),
        ("cost", "month", 100, False),
        ("cost", "month", 101, True),
    ],
)
def test_limits_that_may_have_room_for_a_smaller_call_speak_for_none(
    meter: str, per: str | None, spent: int, speaks: bool
) -> None:
    data = {"limit": "daily", "level": "organization", "limit_value": 100, "spent": spent}
    error = OrbitError(REFUSED.code, "No room.", data=data, retry_after_s=9)
    found = after_a_row(error, replace(LIMIT, meter=meter, per=per)).known(b"key", 0.1)
    assert (found is not None) is speaks


def test_row_ends_when_the_limit_has_room_by_itself() -> None:
    repeats = after_a_row(OrbitError(REFUSED.code, "No room.", data=REFUSED.data, retry_after_s=0.2))
    assert repeats.known(b"key", 0.1) is not None
    assert repeats.known(b"key", 0.2) is None


class Failing:
    """A store that answers with what it is given, in order."""

    def __init__(self, *answers: BaseException | None) -> None:
        self.answers, self.asked = list(answers), list[Any]()

    def at(self, _: int) -> Any:
        return self

    async def call(self, *command: Any) -> None:
        self.asked.append(command[2:])
        if (answer := self.answers.pop(0)) is not None:
            raise answer


def sent(*answers: BaseException | None) -> tuple[Failing, Repeats]:
    """After one sending of three counts."""
    store = Failing(*answers)
    repeats = Repeats(cast("Link", store))
    for name in (b"a", b"b", b"c"):
        repeats.uncounted[3, name] = 5
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(repeats.send())
    return store, repeats


def test_what_was_not_sent_is_sent_later_and_what_was_not_answered_is_not() -> None:
    store, repeats = sent(NotSent("away"), StoreUnavailable("no answer in time"), None)
    assert len(store.asked) == 3
    assert dict(repeats.uncounted) == {(3, b"a"): 5}


def test_sending_that_is_cancelled_keeps_what_it_has_not_come_to() -> None:
    _, repeats = sent(None, asyncio.CancelledError())
    assert dict(repeats.uncounted) == {(3, b"c"): 5}


def test_end_user_too_many_is_counted() -> None:
    async def work() -> Counter[tuple[int, bytes]]:
        runtime, known = long_row(None)
        runtime.call_lines = False
        raw = SimpleNamespace(
            runtime=runtime, principal=known, method="POST", request_id=1, model="gpt-4o-mini"
        )
        users = EndUsers(0)
        with pytest.raises(OrbitError) as refused:
            users.check("o", "ann", 0)
        CallView("chat/completions", OPENAI).turned_away(cast("Any", raw), refused.value)
        return cast("Repeats", runtime.repeats).uncounted

    [((shard, name), times)] = asyncio.run(work()).items()
    assert (shard, times, name.split(b"\n")[1:3]) == (3, 1, [b"rate_limited", b""])


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
        room=Room.of(100, 1_000_000, 100_000),
        repeats=repeats,
        measures=SimpleNamespace(turned_away=lambda *_: None),
        refusals=SimpleNamespace(add=lambda *_: None),
        over=False,
        trusted_proxies=0,
        max_body_bytes=1_000,
    )
    return runtime, known


def request_to(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "client": ("192.0.2.1", 1),
        "headers": [
            (b"authorization", b"Bearer " + b"x" * tenant_keys.LENGTH),
            (b"content-length", b"50"),
        ],
    }


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
        for _ in range(3):
            await entry.serve(runtime, request_to("/v1/chat/completions"), nothing_comes, send)
        await runtime.repeats.send()
        assert (runtime.room.calls.taken, runtime.room.body_bytes.taken) == (0, 0)

    asyncio.run(work())
    assert [one["status"] for one in sent if "status" in one] == [429] * 3
    assert all(b"was not read" in one["body"] for one in sent if "body" in one)
    [(name, key, field, times)] = counted
    assert (name, key, times) == ("HINCRBY", keys.refused(3), 3)
    assert field.split(b"\n")[1:3] == [b"insufficient_quota", b"daily"]


@pytest.mark.parametrize(
    "path", ["/v1/responses/resp_1/cancel", "/v1/messages/count_tokens", "/v1/responses/input_tokens"]
)
def test_what_reserves_nothing_is_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    async def leaves() -> Any:
        asked.append(path)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("it was answered")

    async def work() -> None:
        runtime, _ = long_row(None)
        monkeypatch.setattr(tenant_keys, "digest", lambda *_: b"key")
        await entry.serve(runtime, request_to(path), leaves, send)
        assert not runtime.repeats.uncounted

    asyncio.run(work())
    assert asked == [path]


def test_request_without_room_in_the_worker_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing_comes() -> Any:
        raise AssertionError("the body was waited for")

    async def send(message: Any) -> None:
        pass

    async def work() -> Counter[tuple[int, bytes]]:
        runtime, _ = long_row(None)
        runtime.room = Room.of(0, 1_000, 0)
        monkeypatch.setattr(tenant_keys, "digest", lambda *_: b"key")
        for _ in range(2):
            await entry.serve(runtime, request_to("/v1/chat/completions"), nothing_comes, send)
        return cast("Repeats", runtime.repeats).uncounted

    [((shard, name), times)] = asyncio.run(work()).items()
    assert (shard, times, name.split(b"\n")[1:3]) == (3, 2, [b"overloaded", b""])
