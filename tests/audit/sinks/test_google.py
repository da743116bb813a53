"""Entries as `entries.write` has them, whose identity they are sent with, and what each answer means."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from audit.sinks.base import Refused, Unavailable
from audit.sinks.google import Google, GoogleConfig
from tests.audit.sinks.google_server import PARTIAL, PROJECT, TOKEN
from tests.audit.sinks.harnesses import google_key
from tests.audit.sinks.items import item
from tests.lib.servers import Server, plain, serving

REASON = {"message": "secret words"}


def config(**more: Any) -> GoogleConfig:
    return GoogleConfig.model_validate({"name": "x", "kind": "google", "project": PROJECT, **more})


class Cloud:
    """A metadata server, and Cloud Logging that answers so; keeps what it was posted."""

    def __init__(self, status: bytes = b"200 OK", answer: Any = None, token: bytes = b"200 OK") -> None:
        self.status, self.answer, self.token_status = status, json.dumps(answer or {}).encode(), token
        self.heads: list[bytes] = []
        self.posted: list[dict[str, Any]] = []

    async def send(self, *items: Any, **more: Any) -> Any:
        async with serving(self._logging) as self.logging, serving(self._metadata) as metadata:
            made = config(
                endpoint=f"http://127.0.0.1:{self.logging.port}",
                metadata_host=f"127.0.0.1:{metadata.port}",
                private=True,
                **more,
            )
            sink = Google(made, str)
            try:
                return await asyncio.to_thread(sink.send, items)
            finally:
                await asyncio.to_thread(sink.close)
                self.heads = metadata.heads + self.logging.heads

    async def _metadata(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
        await plain(json.dumps(said).encode(), status=self.token_status)(reader, writer)

    async def _logging(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.posted.append(json.loads(await reader.readexactly(_length(self.logging))))
        await plain(self.answer, b"retry-after: 17", status=self.status)(reader, writer)


def _length(server: Server) -> int:
    lines = server.heads[-1].lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


def refusing(codes: dict[int, int]) -> dict[str, Any]:
    errors = {str(at): {"code": code, **REASON} for at, code in codes.items()}
    return {"error": {"code": 400, **REASON, "details": [{"@type": PARTIAL, "logEntryErrors": errors}]}}


async def test_the_machines_own_identity_is_used_where_no_key_is_given() -> None:
    cloud = Cloud()
    assert await cloud.send(item(seq=1)) == {}
    asked, posted = (head.lower() for head in cloud.heads)
    assert asked.startswith(b"get /computemetadata/v1/instance/service-accounts/default/token ")
    assert b"metadata-flavor: google" in asked
    assert f"authorization: bearer {TOKEN}".encode() in posted


async def test_an_entry_is_told_apart_by_the_events_id_and_time() -> None:
    cloud, given = Cloud(), item(seq=1, status="provider_failed", usage={"large": 2**60, "small": 1})
    await cloud.send(given, labels={"site": "a"}, log="orbit/audit", resource={"type": "generic_node", "labels": {"node_id": "n"}})  # fmt: skip
    [said] = cloud.posted
    assert said["logName"] == f"projects/{PROJECT}/logs/orbit%2Faudit"
    assert said["resource"] == {"type": "generic_node", "labels": {"node_id": "n"}}
    assert (said["labels"], said["partialSuccess"]) == ({"site": "a"}, True)
    [entry] = said["entries"]
    assert (entry["insertId"], entry["timestamp"]) == (str(given.event_id), "2026-11-30T12:00:00.000007Z")
    assert entry["severity"] == "ERROR"
    assert entry["labels"] == {"organization": "acme", "kind": "call"}
    assert entry["jsonPayload"] == {**given.event, "usage": {"large": str(2**60), "small": 1}}


async def test_an_entry_that_is_too_large_is_refused_alone_and_not_sent() -> None:
    cloud, large, small = Cloud(), item(tags={"a": "x" * 260_000}), item(seq=2)
    refused = await cloud.send(large, small)
    assert list(refused) == [large.event_id]
    assert "larger than an entry may be" in refused[large.event_id]
    assert [entry["insertId"] for entry in cloud.posted[0]["entries"]] == [str(small.event_id)]


async def test_entries_that_are_named_are_refused_and_the_others_were_written() -> None:
    items = [item(seq=number) for number in range(4)]
    refused = await Cloud(b"400 Bad", refusing({1: 3, 3: 11})).send(*items)
    assert refused == {
        items[1].event_id: "answered 400, INVALID_ARGUMENT for it",
        items[3].event_id: "answered 400, OUT_OF_RANGE for it",
    }


@pytest.mark.parametrize("codes", [{0: 3, 1: 8}, {0: 7}, {0: 14}, {9: 3}])
async def test_entries_that_may_be_taken_later_have_all_come_again(codes: dict[int, int]) -> None:
    with pytest.raises(Unavailable, match="400") as raised:
        await Cloud(b"400 Bad", refusing(codes)).send(item(), item())
    assert "secret words" not in str(raised.value)


@pytest.mark.parametrize("status", [b"400 Bad", b"413 Large"])
async def test_a_refusal_that_names_no_entry_refuses_what_was_sent(status: bytes) -> None:
    with pytest.raises(Refused, match=status[:3].decode()):
        await Cloud(status, {"error": REASON}).send(item())


@pytest.mark.parametrize(
    "status", [b"301 Moved", b"401 No", b"403 No", b"404 No", b"429 Many", b"500 Oh", b"503 Oh"]
)
async def test_what_is_wrong_with_the_sink_is_tried_again(status: bytes) -> None:
    with pytest.raises(Unavailable, match=status[:3].decode()) as raised:
        await Cloud(status, {"error": REASON}).send(item())
    assert raised.value.retry_after_s == 17


async def test_without_a_token_nothing_is_sent() -> None:
    cloud = Cloud(token=b"404 No")
    with pytest.raises(Unavailable, match="no token for it: answered 404"):
        await cloud.send(item())
    assert cloud.posted == []


@pytest.mark.parametrize("key", ["", "{}", "secret", json.dumps({**json.loads(google_key(1)), "private_key": "secret"})])  # fmt: skip
def test_credentials_that_are_none_are_told_without_being_shown(key: str) -> None:
    with pytest.raises(Unavailable, match="no key of a service account") as raised:
        Google(config(credentials="env://KEY"), lambda _: key)
    assert not key or key == "{}" or key not in str(raised.value)


@pytest.mark.parametrize(
    "more",
    [
        {"project": "Acme Prod"},
        {"log": "a log"},
        {"credentials": "{}"},
        {"endpoint": "http://logging.example.com"},
        {"batch": {"bytes": 20_000_000}},
        {"labels": {"a b": "c"}},
        {"resource": {"kind": "global"}},
    ],
)
def test_what_may_not_be_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"(?s){next(iter(more))}"):
        config(**more)


def test_only_the_metadata_server_and_what_is_private_may_be_private() -> None:
    assert config().private_targets == ("metadata.google.internal:80",)
    assert config(credentials="env://KEY").private_targets == ()
