"""Prompts and answers: nowhere by default; where a policy has them stored, encrypted, and as they went over the wire."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from audit.chain import START, link
from audit.models import Content
from audit.tasks import write_ledger
from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from orbit.lib.errors import Code, OrbitError
from proxy.copies import Copy, Half
from proxy.put_together import answer_in
from proxy.storing import Contents
from quotas.tasks import reap
from tenants import services
from tenants.secrets import Secret
from tenants.secrets.data_keys import OpenedKey
from tenants.storing import Storing
from tests.canaries import Search
from tests.chaos import chaos
from tests.clients.books import calls
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import LIMITS, Api, ApiOf, code_of, hello
from tests.proxy.responses import create, openai, text
from tests.proxy.roads import ROADS, Leaver, Road, travelling
from tests.proxy.test_extension import SMALL, taught_within
from tests.proxy.test_learned import CAP

FULL = {"content": "full"}
SECRET = "Wanda owes 4711 to the bank"  # nothing else says so
ASK = [{"role": "user", "content": f"{SECRET} [[orbit-demo: echo]]"}]


def stored(tenant: Tenant) -> list[Content]:
    with access.operator():
        return list(Content.objects.filter(organization_id=tenant.id).order_by("event_id", "part"))


def await_stored(tenant: Tenant, count: int) -> list[Content]:
    """The worker writes beside its calls; it is given ten seconds."""
    until = time.monotonic() + 10
    while len(found := stored(tenant)) < count and time.monotonic() < until:
        time.sleep(0.02)
    assert len(found) == count
    return found


def read(tenant: Tenant, event_id: str) -> dict[str, services.ReadPart]:
    found = services.read_content(organization_id=tenant.id, event_id=UUID(event_id), actor="test")
    assert found is not None
    return {part.name: part for part in found.parts}


def answered(part: services.ReadPart) -> dict[str, Any]:
    """The answer as an object, put together where it was a stream."""
    whole = answer_in(part.content, part.content_type, part.spoken)
    return whole if whole is not None else orjson.loads(part.content)


def event_of(tenant: Tenant) -> dict[str, Any]:
    (event,) = tenant.events()
    return event


def test_nothing_is_stored_by_default(api: Api, tenant: Tenant) -> None:
    assert api.chat(messages=ASK).status_code == 200
    assert "content" not in event_of(tenant)
    assert stored(tenant) == []


def test_request_and_answer_are_stored_encrypted(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(audit=FULL)
    answer = api_of(tenant).chat(messages=ASK)
    assert answer.status_code == 200
    rows = await_stored(tenant, 2)
    assert not any(SECRET.encode() in bytes(row.sealed) for row in rows)
    event = event_of(tenant)
    parts = read(tenant, event["event_id"])
    sent = orjson.loads(parts["request"].content)
    assert sent["messages"] == ASK
    assert parts["answer"].content == answer.content
    assert [part.matches for part in parts.values()] == [True, True]
    told = event["content"]
    assert (told["mode"], told["key"]) == ("full", 1)
    assert told["answer"]["bytes"] == len(answer.content)
    assert len(told["request"]["hmac_sha256"]) == 64
    assert "missing" not in told


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_went_over_the_wire_is_stored_on_every_road(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle, road: Road, stream: bool
) -> None:
    """Of a call that was translated: as its provider has it."""
    tenant = travelling(make_tenant, provider, audit=FULL)
    answer = road.ask(api_of(tenant), "tokens=12", stream=stream)
    assert answer.status_code == 200
    await_stored(tenant, 2)
    parts = read(tenant, event_of(tenant)["event_id"])
    sent = orjson.loads(parts["request"].content)
    assert sent["model"] == road.model
    assert sent.get("stream", False) is stream
    assert all(part.matches for part in parts.values())
    assert parts["answer"].spoken == ("anthropic/messages" if road.anthropic else "openai/chat/completions")
    whole = answered(parts["answer"])
    text = whole["content"][0]["text"] if road.anthropic else whole["choices"][0]["message"]["content"]
    assert text == ("".join(texts_of(answer.text)) if stream else plain_text(answer.json()))


def plain_text(answer: dict[str, Any]) -> Any:
    return answer["content"][0]["text"] if "content" in answer else answer["choices"][0]["message"]["content"]


def texts_of(stream: str) -> list[str]:
    """What a client of either surface puts together."""
    found = []
    for line in stream.splitlines():
        if line.startswith("data: {"):
            event = orjson.loads(line[6:])
            delta = event.get("delta") or (event.get("choices") or [{}])[0].get("delta") or {}
            found.append(delta.get("text") or delta.get("content") or "")
    return found


def test_responses_are_stored_streamed_and_in_the_background(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    tenant = make_tenant(openai(provider), limits=LIMITS, audit=FULL)
    api = api_of(tenant)
    assert create(api, text("tokens=7"), stream=True).status_code == 200
    made = create(api, text("tokens=7", "first_ms=50"), background=True)
    assert made.json()["status"] == "queued"
    await_stored(tenant, 4)
    for event in calls(tenant, 2):
        whole = answered(read(tenant, event["event_id"])["answer"])
        assert whole["status"] == "completed"
        assert whole["output"][0]["content"][0]["text"]


def test_provider_that_refuses_is_stored_with_what_it_said(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(audit=FULL)
    assert api_of(tenant).chat(messages=hello("status=400")).status_code == 400
    await_stored(tenant, 2)
    answer = read(tenant, event_of(tenant)["event_id"])["answer"]
    assert "error" in orjson.loads(answer.content)


def test_what_a_client_that_left_was_sent_is_stored(
    make_tenant: MakeTenant, gateway: Gateway, provider: ProviderHandle
) -> None:
    tenant = travelling(make_tenant, provider, audit=FULL)
    leaver = Leaver(gateway, tenant, ROADS["messages"], "tokens=300", "pace_ms=5")
    leaver.read(5)
    leaver.leave("rst")
    await_stored(tenant, 2)
    [event] = calls(tenant, 1)
    assert event["status"] == "client_gone"
    whole = answered(read(tenant, event["event_id"])["answer"])
    assert whole["content"][0]["text"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_redacted_content_has_no_word_of_what_was_said(
    make_tenant: MakeTenant, api_of: ApiOf, stream: bool
) -> None:
    tenant = make_tenant(audit={"content": "redacted"})
    answer = api_of(tenant).chat(messages=ASK, stream=stream, user="wanda")
    assert SECRET in ("".join(texts_of(answer.text)) if stream else answer.text)
    await_stored(tenant, 2)
    event = event_of(tenant)
    parts = read(tenant, event["event_id"])
    for part in parts.values():
        assert b"Wanda" not in part.content
        assert b"wanda" not in part.content
        assert part.matches is None
    sent = orjson.loads(parts["request"].content)
    assert sent["messages"][0]["role"] == "user"
    assert sent["messages"][0]["content"].startswith(f"[redacted {len(ASK[0]['content'])} characters, ")
    whole = orjson.loads(parts["answer"].content)
    assert whole["choices"][0]["message"]["content"].startswith("[redacted ")
    assert event["content"]["mode"] == "redacted"


@pytest.mark.full
def test_content_beyond_the_largest_is_cut_and_says_so(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    long = [{"role": "user", "content": "word " * 1000}]
    with running_gateway(environment={"ORBIT_CONTENT_MAX_BYTES": "1000"}) as small:
        tenant = make_tenant(audit=FULL)
        assert chat_at(small, tenant, long).status_code == 200
        await_stored(tenant, 2)
    event = event_of(tenant)
    request = read(tenant, event["event_id"])["request"]
    assert (len(request.content), request.truncated, request.matches) == (1000, True, None)
    assert request.size == event["content"]["request"]["bytes"] > 5000


def chat_at(
    gateway: Gateway, tenant: Tenant, messages: list[dict[str, Any]] | None = None
) -> httpx2.Response:
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=20, trust_env=False) as client:
        return Api(client, tenant.key).chat(messages=messages or hello("tokens=3"))


@pytest.mark.full
def test_full_queue_loses_contents_and_says_so_and_a_demanded_record_is_not_lost(
    make_tenant: MakeTenant,
) -> None:
    free, demanding = make_tenant(audit=FULL), make_tenant(audit=FULL | {"required": True})
    write_ledger()  # a required trail takes a ledger that follows
    with running_gateway(environment={"ORBIT_CONTENT_QUEUE_BYTES": "1000"}) as small:
        for tenant in (free, demanding):
            assert chat_at(small, tenant).status_code == 200
        await_stored(demanding, 2)
    assert stored(free) == []
    event = event_of(free)
    assert event["content"]["missing"] is True
    assert event["content"]["answer"]["bytes"] > 0
    assert {part.state for part in read(free, event["event_id"]).values()} == {"not_kept"}
    assert "missing" not in event_of(demanding)["content"]


def test_while_the_database_is_away_calls_go_on_unless_their_record_is_demanded(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    free, demanding = make_tenant(audit=FULL), make_tenant(audit=FULL | {"required": True})
    write_ledger()  # a required trail takes a ledger that follows
    with (
        chaos(os.environ["DATABASE_URL"]) as database,
        running_gateway(environment={"DATABASE_URL": database.url}) as running,
    ):
        for tenant in (free, demanding):
            assert chat_at(running, tenant).status_code == 200
            await_stored(tenant, 2)
        database.refuse()
        assert chat_at(running, free).status_code == 200
        refused = chat_at(running, demanding)
        while refused.status_code == 200:  # until a write has failed
            refused = chat_at(running, demanding)
        assert code_of(refused) == (503, "audit_unavailable")
        assert refused.headers["retry-after"] == "1"
        seen = provider.summary()["requests"]
        assert chat_at(running, demanding).status_code == 503
        assert provider.summary()["requests"] == seen
        database.heal()
        await_stored(free, 4)
        until = time.monotonic() + 15
        while chat_at(running, demanding).status_code != 200 and time.monotonic() < until:
            time.sleep(0.1)
    # each admitted call's record is there, also what waited when the worker was told to stop
    events = demanding.events()
    assert len(stored(demanding)) == 2 * len(events)
    assert not any("missing" in one["content"] for one in events)


@pytest.mark.full
def test_worker_that_is_told_to_stop_writes_what_waits(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(audit=FULL)
    with running_gateway() as running:
        for _ in range(20):
            assert chat_at(running, tenant).status_code == 200
    assert len(stored(tenant)) == 40


def test_contents_are_in_no_event_log_or_store(make_tenant: MakeTenant, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as out, running_gateway(log=out, environment={"ORBIT_LOG_LEVEL": "DEBUG"}) as running:
        for mode in ("none", "redacted", "full"):
            tenant = make_tenant(audit={"content": mode})
            assert chat_at(running, tenant, ASK).status_code == 200
            if mode != "none":
                await_stored(tenant, 2)
            search = Search({"prompt": SECRET})
            search.look("event", orjson.dumps(tenant.events()))
            search.look("rows", b"".join(bytes(one.sealed) for one in stored(tenant)))
            assert not search.found, mode
            assert search.searched["event"] > 500
    search = Search({"prompt": SECRET})
    search.look("log", log.read_bytes())
    for file in (Path(os.environ["ORBIT_DATA_DIR"]) / "journals").rglob("*"):
        if file.is_file():
            search.look("journal", file.read_bytes())
    assert not search.found


def test_chain_verifies_when_the_keys_are_destroyed(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    """Events hold digests, which say nothing; what they are of can be gone."""
    tenant = make_tenant(audit=FULL)
    assert api_of(tenant).chat(messages=ASK).status_code == 200
    await_stored(tenant, 2)
    event = event_of(tenant)
    services.destroy_data_keys(organization_id=tenant.id, actor="test", confirm=tenant.slug, reason="over")
    assert {part.state for part in read(tenant, event["event_id"]).values()} == {"destroyed"}
    whole = sorted(
        (one for kind in ("call", "act") for one in tenant.events(kind)), key=lambda one: one["seq"]
    )
    before = START
    for number, one in enumerate(whole, 1):
        assert (one["seq"], one["prev_hash"]) == (number, before)
        before = one["hash"]
        assert before == link({name: value for name, value in one.items() if name != "hash"})
    assert {"content.read", "contents.destroy"} & {one.get("action") for one in whole} == {"contents.destroy"}


def test_next_call_after_the_keys_are_destroyed_has_a_new_one(make_tenant: MakeTenant, api_of: ApiOf) -> None:
    tenant = make_tenant(audit=FULL)
    api = api_of(tenant)
    assert api.chat().status_code == 200
    await_stored(tenant, 2)
    services.destroy_data_keys(organization_id=tenant.id, actor="test", confirm=tenant.slug, reason="over")
    assert api.chat().status_code == 200
    await_stored(tenant, 4)
    first, second = calls(tenant, 2)
    assert [one["content"]["key"] for one in (first, second)] == [1, 2]
    assert {part.state for part in read(tenant, second["event_id"]).values()} == {"kept"}


def test_half_keeps_the_beginning_and_the_digest_of_all() -> None:
    key = OpenedKey(1, b"k" * 32)
    half, whole = Half(key, 5), key.digest()
    for piece in (b"abc", b"", b"defg", b"hi"):
        half.add(piece)
        whole.update(piece)
    assert (half.content, half.size, half.truncated) == (b"abcde", 9, True)
    assert half.told() == {"hmac_sha256": whole.hexdigest(), "bytes": 9}


def test_providers_echo_of_its_credential_is_no_content() -> None:
    copy = Copy(OpenedKey(1, b"k" * 32), Storing("full", 1), 1000, required=False)
    copy.followed(b'{"error": "sk-live-1 is not known"}')
    copy.hide(Secret("sk-live-1"))
    assert copy.answer is not None
    assert copy.answer.content == b'{"error": "*** is not known"}'
    assert copy.told()["answer"]["bytes"] == len(copy.answer.content)


@pytest.mark.full
def test_killed_worker_loses_what_it_held_and_the_event_says_so(
    make_tenant: MakeTenant, provider: ProviderHandle
) -> None:
    tenant = travelling(make_tenant, provider, audit=FULL)
    with running_gateway(environment={"ORBIT_LEASE_S": "2"}) as running:
        leaver = Leaver(running, tenant, ROADS["messages"], "tokens=300", "pace_ms=50")
        leaver.read(2)
        running.kill(running.processes[0].pid)
        leaver.leave("fin")
    until = time.monotonic() + 20
    while not (events := tenant.events()) and time.monotonic() < until:
        reap()
        time.sleep(0.2)
    [event] = events
    assert (event["status"], event["content"]) == ("lease_expired", {"mode": "full", "missing": True})
    assert stored(tenant) == []
    found = services.read_content(organization_id=tenant.id, event_id=UUID(event["event_id"]), actor="test")
    assert found is not None
    assert (found.mode, found.parts, found.act) == ("full", (), None)


def test_full_queue_takes_only_what_is_demanded_and_then_refuses(settings: Any) -> None:
    settings.ORBIT_CONTENT_QUEUE_BYTES = 1000
    contents, key, storing = Contents(), OpenedKey(1, b"k" * 32), Storing("full", 1)
    organization = SimpleNamespace(id=str(uuid4()), version=1, slug="acme")
    policy = SimpleNamespace(storing=storing, audit_required=True)
    principal: Any = SimpleNamespace(
        organization=organization, key=SimpleNamespace(id=str(uuid4())), policy=policy
    )
    call = SimpleNamespace(principal=principal, request_id=uuid4(), end_user=None)
    admission: Any = SimpleNamespace(call=call, lease=SimpleNamespace(admitted_us=0), attempts=[])

    def ends(*, required: bool) -> dict[str, Any]:
        copy = Copy(key, storing, 10, required=required)
        copy.followed(b"answer")
        return contents.ended(admission, copy)

    assert ends(required=False)["missing"] is True
    assert (len(contents.waiting), contents.lost) == (0, 1)
    assert "missing" not in ends(required=True)
    assert (len(contents.waiting), contents.lost) == (1, 1)
    with pytest.raises(OrbitError) as refused:
        asyncio.run(contents.begin(principal))
    assert refused.value.code == Code.AUDIT_UNAVAILABLE


def test_what_a_call_left_is_taken_once(settings: Any) -> None:
    """A second settlement of the same call changes nothing."""
    contents, key = Contents(), OpenedKey(1, b"k" * 32)
    principal = SimpleNamespace(
        organization=SimpleNamespace(id=str(uuid4())), key=SimpleNamespace(id=str(uuid4()))
    )
    call = SimpleNamespace(principal=principal, request_id=uuid4(), end_user=None)
    admission: Any = SimpleNamespace(call=call, lease=SimpleNamespace(admitted_us=0), attempts=[])
    copy = Copy(key, Storing("full", 1), 10, required=False)
    copy.followed(b"answer")
    assert contents.ended(admission, copy) == contents.ended(admission, copy)
    assert len(contents.waiting) == 1


def test_call_that_was_never_sent_leaves_nothing_to_write() -> None:
    contents = Contents()
    admission: Any = SimpleNamespace(lease=SimpleNamespace(admitted_us=0), attempts=[])
    told = contents.ended(admission, Copy(OpenedKey(1, b"k" * 32), Storing("full", 1), 10, required=False))
    assert told == {"mode": "full", "key": 1, "until": "1970-01-02T00:00:00.000000Z"}
    assert not contents.waiting


@pytest.mark.full
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_came_of_an_answer_that_a_limit_cut_is_stored(
    make_tenant: MakeTenant, api_of: ApiOf, stream: bool
) -> None:
    limits = [{"name": "daily", "meter": "output_tokens", "per": "day", "limit": SMALL}]
    tenant = make_tenant(output_reserve="learned", audit=FULL, limits=limits)
    api = taught_within(api_of(tenant))
    assert (
        api.chat(messages=hello("tokens=400", "pace_ms=2"), max_tokens=CAP, stream=stream).status_code == 200
    )
    await_stored(tenant, 42)
    last = calls(tenant, 21)[-1]
    assert last["code"] == "limit_reached"
    assert answered(read(tenant, last["event_id"])["answer"])["choices"][0]["message"]["content"]
