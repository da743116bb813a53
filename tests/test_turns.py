"""Pages and the management API take turns: no lane keeps the others out, and no body that is slow or large holds a place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from orbit import asgi, turns
from orbit.turns import MOST_BYTES, Asker, Gate, Turns, whose
from orbit.unserved import Unserved
from proxy.room import SMALL, Share


def run(work: Awaitable[Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(within())


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def by(lane: str, who: str = "1", client: str = "192.0.2.1") -> Asker:
    return Asker(lane, client, who)


def test_lane_that_is_flooded_leaves_places_to_another() -> None:
    async def work() -> list[str]:
        places, got = Turns(5), list[str]()

        async def ask(lane: str) -> None:
            await places.take(by(lane))
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
            await places.take(by(lane, who))
            got.append(f"{lane}/{who}")
            places.give_back(lane)

        await places.take(by("x"))
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
        await places.take(by("a", "1"))
        asked = [asyncio.ensure_future(places.take(by("a", "1"))) for _ in range(3)]
        for found in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(found, Unserved)
        places.give_back("a")
        assert (places.running, dict(places.lanes)) == (0, {})

    run(work())


def test_who_leaves_while_it_waits_takes_no_place() -> None:
    async def work() -> None:
        places = Turns(1, each=1)
        await places.take(by("a", "1"))
        gone, stays = (asyncio.ensure_future(places.take(by("a", "1"))) for _ in range(2))
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


def test_lane_is_the_organizations_or_the_clients_whatever_credential_it_shows() -> None:
    cookie, key = (b"cookie", b"a=b; sessionid=secret"), (b"authorization", b"Bearer secret")
    for path in ("/o/acme/keys/", "/api/v1/organizations/acme/keys", "/accounts/sso/acme/callback/"):
        assert whose(scope(path, cookie)).lane == whose(scope(path, key)).lane == "of acme"
    assert whose(scope("/o/acme/", cookie)).who != whose(scope("/o/acme/")).who
    for path in ("/organizations/", "/api/v1/me", "/accounts/login/", "/accounts/sso/"):
        assert {whose(scope(path, one)).lane for one in (cookie, key)} == {"from 192.0.2.1"}
    assert "secret" not in str(whose(scope("/organizations/", cookie)))


def test_a_clients_network_of_version_6_is_one_client() -> None:
    def client(address: str) -> str:
        return whose(scope("/") | {"client": (address, 1)}).client

    assert client("2001:db8::1") == client("2001:db8::2:3") != client("2001:db8:0:1::1")
    assert client("::ffff:192.0.2.1") == client("192.0.2.1") != client("192.0.2.2")


def test_a_client_waits_in_so_many_lanes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAITING", 3)

    async def work() -> None:
        places = Turns(1)
        await places.take(by("x"))
        asked = [asyncio.ensure_future(places.take(by(f"invented {n}", f"{n}"))) for n in range(3)]
        await settled()
        with pytest.raises(Unserved):
            await places.take(by("invented 3"))
        asked.append(asyncio.ensure_future(places.take(by("acme", client="192.0.2.2"))))
        await settled()
        assert not asked[-1].done()
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        places.give_back("x")
        assert (places.waiting, dict(places.lanes)) == ({}, {})

    run(work())


@pytest.mark.parametrize(
    ("flooding", "coming"),
    [
        ([by("a", f"{n}") for n in range(4)], by("a", "new", "192.0.2.2")),  # credentials of its own making
        ([by("a")] * 4, by("a", "2")),  # behind one address with others
    ],
)
def test_of_a_lane_that_is_full_who_has_the_most_loses_its_newest(
    flooding: list[Asker], coming: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAITING", 4)

    async def work() -> None:
        places = Turns(1, each=1)
        await places.take(by("a"))
        asked = [asyncio.ensure_future(places.take(one)) for one in flooding]
        await settled()
        with pytest.raises(Unserved):
            await places.take(flooding[0])
        new = asyncio.ensure_future(places.take(coming))
        await settled()
        assert [one.done() for one in asked].count(True) == 1
        places.give_back("a")
        await asked[0]
        places.give_back("a")
        await new  # second, not behind the flood
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        places.give_back("a")
        assert (places.running, places.waiting, dict(places.lanes)) == (0, {}, {})

    run(work())


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


def test_large_bodies_beyond_a_clients_part_are_refused_and_keep_nobody_from_a_form() -> None:
    async def work() -> None:
        gate = Gate(echo, Share(10 * SMALL), Turns(5))
        for held, token in enumerate((b"r1", b"r2")):  # a stranger's, who never ends them
            assert gate.bytes_held.take("from 192.0.2.1", 2 * SMALL), held
            refused = await through(gate, "/api/v1/me", b" " * (6 * SMALL), authorization=token)
            assert refused[0]["status"] == 503
            assert (b"retry-after", b"5") in refused[0]["headers"]
            assert orjson.loads(refused[1]["body"])["code"] == "unavailable"
        assert (await through(gate, "/accounts/login/", b" " * SMALL))[0]["status"] == 200
        assert gate.bytes_held.by == {"from 192.0.2.1": 4 * SMALL}

    run(work())


def test_bodies_of_pages_are_no_part_of_the_room_for_calls() -> None:
    async def work() -> None:
        sent: Sent = []
        coming = iter([{"type": "lifespan.startup"}])
        started, going = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            for message in coming:
                return message
            await going.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            sent.append(message)
            started.set()

        one = asgi.Application()
        living = asyncio.ensure_future(one({"type": "lifespan"}, receive, send))
        await started.wait()
        assert one.runtime is not None, sent
        assert one.gate.bytes_held is not one.runtime.room.body_bytes
        going.set()
        await living

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
            await gate.pages.take(by(lane))
        for path in ("/accounts/login/", "/admin/", "/operator/", "/static/orbit/app.css"):
            assert (await through(gate, path))[0]["status"] == 200

    run(work())


def test_one_organizations_slow_provider_keeps_no_other_from_signing_in() -> None:
    async def work() -> None:
        going = asyncio.Event()

        async def slow(about: Any, receive: Any, send: Any) -> None:
            if "/slow/" in about["path"]:
                await going.wait()
            await echo(about, receive, send)

        gate = Gate(slow, Share(1_000), Turns(5))
        asked = [
            asyncio.ensure_future(through(gate, "/accounts/sso/slow/", cookie=b"sessionid=%d" % n))
            for n in range(3)
        ]
        await settled()
        assert gate.providers.running == 1
        assert (await through(gate, "/accounts/sso/acme/", cookie=b"sessionid=9"))[0]["status"] == 200
        going.set()
        await asyncio.gather(*asked)

    run(work())


def test_a_worker_has_so_many_streams_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_STREAMS", 1)

    async def work() -> None:
        places = Turns(5)
        for lane in "ab":
            await places.take(by(lane))
        assert [places.to_stream(lane) for lane in "ab"] == [True, False]
        places.end_stream("a")
        assert places.to_stream("b")

    run(work())
