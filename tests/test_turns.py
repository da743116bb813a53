"""Pages and the management API take turns: no lane keeps the others out, and no body that is slow or large holds a place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from orbit import turns
from orbit.turns import MOST_BYTES, Gate, Turns, whose
from orbit.unserved import Unserved
from proxy.room import Share


def run(work: Awaitable[Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(within())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_lane_that_is_flooded_leaves_places_to_another() -> None:
    async def work() -> list[str]:
        places, got = Turns(5), list[str]()

        async def ask(lane: str) -> None:
            await places.take(lane, lane)
            got.append(lane)

        asked = [asyncio.ensure_future(ask("greedy")) for _ in range(50)]
        await settled()
        await ask("other")
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return got

    assert run(work()) == ["greedy", "greedy", "other"]


def test_free_places_go_around_lanes_and_within_a_lane_around_who_asks() -> None:
    async def work() -> list[str]:
        places, got = Turns(1, each=1), list[str]()

        async def ask(lane: str, who: str) -> None:
            await places.take(lane, who)
            got.append(f"{lane}/{who}")
            places.give_back(lane)

        await places.take("x", "x")
        asked = [("a", "1"), ("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("b", "1")]
        waiting = [asyncio.ensure_future(ask(*one)) for one in asked]
        await settled()
        places.give_back("x")
        await asyncio.gather(*waiting)
        assert (places.running, dict(places.lanes)) == (0, {})
        return got

    assert run(work()) == ["a/1", "b/1", "a/2", "b/1", "a/1", "a/1"]


def test_who_waits_too_long_or_behind_too_many_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    monkeypatch.setattr(turns, "WAITING", 2)

    async def work() -> None:
        places = Turns(1, each=1)
        await places.take("a", "1")
        asked = [asyncio.ensure_future(places.take("a", "1")) for _ in range(3)]
        for found in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(found, Unserved)
        places.give_back("a")
        assert (places.running, dict(places.lanes)) == (0, {})

    run(work())


def test_who_leaves_while_it_waits_takes_no_place() -> None:
    async def work() -> None:
        places = Turns(1, each=1)
        await places.take("a", "1")
        gone, stays = (asyncio.ensure_future(places.take("a", "1")) for _ in range(2))
        await settled()
        gone.cancel()
        await settled()
        places.give_back("a")
        await stays
        places.give_back("a")
        assert (places.running, dict(places.lanes)) == (0, {})

    run(work())


def scope(path: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "path": path, "headers": list(headers), "client": ("192.0.2.1", 1)}


def test_lane_is_the_organizations_or_the_credentials_or_the_addresss() -> None:
    cookie, key = (b"cookie", b"a=b; sessionid=secret"), (b"authorization", b"Bearer secret")
    assert whose(scope("/o/acme/keys/", cookie))[0] == whose(scope("/o/acme/", key))[0] == "of acme"
    assert whose(scope("/api/v1/organizations/acme/keys", key))[0] == "of acme"
    assert whose(scope("/o/acme/", cookie))[1] != whose(scope("/o/acme/"))[1]
    assert whose(scope("/organizations/", cookie))[0] == whose(scope("/api/v1/me", cookie))[0]
    assert whose(scope("/accounts/login/")) == ("from 192.0.2.1", "from 192.0.2.1")
    assert "secret" not in str(whose(scope("/organizations/", cookie)))


Sent = list[dict[str, Any]]


async def through(gate: Gate, path: str, *pieces: bytes, **headers: bytes) -> Sent:
    sent: Sent = []
    left = list(pieces) or [b""]

    async def receive() -> dict[str, Any]:
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    await gate.serve(scope(path, *named), receive, send)
    return sent


async def echo(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_body_comes_whole_and_is_held_no_longer_than_its_request() -> None:
    async def work() -> None:
        gate = Gate(echo, Share(1_000), Turns(5))
        [_, body] = await through(gate, "/o/acme/", b"one ", b"two")
        assert body["body"] == b"one two"
        assert (gate.bytes_held.taken, gate.pages.running) == (0, 0)

    run(work())


def test_too_large_a_body_is_refused_announced_or_not() -> None:
    async def work() -> None:
        gate = Gate(echo, Share(10 * MOST_BYTES), Turns(5))
        announced = await through(gate, "/o/acme/", content_length=b"%d" % (MOST_BYTES + 1))
        piece = b" " * (MOST_BYTES // 2)
        [head, body] = await through(gate, "/api/v1/organizations/acme/keys", piece, piece, piece)
        assert announced[0]["status"] == head["status"] == 413
        assert b"That is too large" in announced[1]["body"]
        assert orjson.loads(body["body"])["code"] == "body_too_large"
        assert (gate.bytes_held.taken, gate.pages.running) == (0, 0)

    run(work())


def test_bodies_beyond_an_organizations_part_are_refused() -> None:
    async def work() -> None:
        gate = Gate(echo, Share(1_000), Turns(5))
        [head, body] = await through(gate, "/api/v1/organizations/acme/keys", b" " * 600)
        assert head["status"] == 503
        assert (b"retry-after", b"5") in head["headers"]
        assert orjson.loads(body["body"])["code"] == "unavailable"
        assert (await through(gate, "/api/v1/organizations/acme/keys", b" " * 400))[0]["status"] == 200

    run(work())


def test_what_goes_on_being_sent_gives_its_place_back() -> None:
    async def work() -> None:
        going = asyncio.Event()

        async def endless(_: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await going.wait()
            await send({"type": "http.response.body", "body": b"b"})

        gate = Gate(endless, Share(1_000), Turns(5))
        downloads = [asyncio.ensure_future(through(gate, "/o/acme/csv/")) for _ in range(3)]
        await settled()
        assert gate.pages.running == 2  # one is but a stream, the others are at most so many
        going.set()
        await asyncio.gather(*downloads)
        assert (gate.pages.running, dict(gate.pages.lanes)) == (0, {})

    run(work())


def test_pages_that_are_flooded_keep_nobody_from_signing_in() -> None:
    async def work() -> None:
        gate = Gate(echo, Share(1_000), Turns(5))
        for lane in "abcde":
            await gate.pages.take(lane, lane)
        for path in ("/accounts/login/", "/admin/", "/operator/", "/static/orbit/app.css"):
            assert (await through(gate, path))[0]["status"] == 200

    run(work())
