"""Credentials in a real OpenBao, under load: rotated, sealed, opened again. And that none of them shows anywhere."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from tenants.models import Person, ProviderAccount
from tenants.secrets import CredentialUnavailable
from tenants.secrets.cached import REST_S
from tenants.services import NewCredential, save_account, try_credential
from tests.conftest import MakeTenant, Tenant
from tests.gateway import running_gateway
from tests.openbao import OpenBao
from tests.proxy.conftest import HELLO, Api, code_of
from tests.tenants.conftest import export

KEEP_S = 4
# a store that is slow on a busy machine is not down: those here answer, be it that they are sealed
TIMES = {"ORBIT_SECRET_REFRESH_S": "1", "ORBIT_SECRET_KEEP_S": str(KEEP_S), "ORBIT_SECRET_TIMEOUT_S": "10"}


@dataclass(frozen=True)
class Vaulted:
    """A gateway that reads from OpenBao, with what it logs in with and what it has written."""

    client: httpx2.Client
    log: Path
    proof: str

    def api(self, tenant: Tenant) -> Api:
        return Api(self.client, tenant.key)


@pytest.fixture(scope="module")
def approle(openbao: OpenBao) -> dict[str, str]:
    openbao.allow("gateway", "secret/data/orbit/*")
    openbao.ask("POST", "sys/auth/gateway", {"type": "approle"})
    role = "auth/gateway/role/orbit"
    openbao.ask("POST", role, {"token_policies": ["gateway"], "token_ttl": "5s"})
    return {
        "ORBIT_VAULT_ADDR": openbao.url,
        "ORBIT_VAULT_AUTH": "approle",
        "ORBIT_VAULT_AUTH_MOUNT": "gateway",
        "ORBIT_VAULT_ROLE": openbao.ask("GET", f"{role}/role-id")["data"]["role_id"],
        "ORBIT_VAULT_SECRET_ID": openbao.ask("POST", f"{role}/secret-id", {})["data"]["secret_id"],
    }


@pytest.fixture(scope="module")
def vaulted(provider: ProviderHandle, echo: Echo, approle: dict[str, str]) -> Iterator[Vaulted]:
    """It writes down all it ever would."""
    with tempfile.NamedTemporaryFile() as log:
        given = {**approle, **TIMES, "ORBIT_LOG_LEVEL": "DEBUG"}
        with (
            running_gateway(workers=2, environment=given, log=log) as gateway,
            httpx2.Client(
                base_url=f"{gateway.base_url}/", timeout=10, trust_env=False, verify=False
            ) as client,
        ):
            yield Vaulted(client, Path(log.name), approle["ORBIT_VAULT_SECRET_ID"])


@pytest.fixture(autouse=True)
def own_settings(settings: Settings, approle: dict[str, str]) -> None:
    """Ours, as accounts are saved in this process."""
    for name, value in approle.items():
        setattr(settings, name, value)


def key_of(name: str) -> str:
    return f"sk-demo-{name}-{secrets.token_hex(12)}"


@dataclass
class Kept:
    """A tenant one of whose accounts has its credential in OpenBao; the other's is sealed."""

    tenant: Tenant
    path: str


@pytest.fixture
def kept(make_tenant: MakeTenant, provider: ProviderHandle, openbao: OpenBao) -> Callable[..., Kept]:
    def make(value: str, base_url: str = "") -> Kept:
        tenant = make_tenant(entry=_entry(provider.base_url))
        path = f"orbit/{tenant.slug}/demo"
        openbao.put(path, api_key=value)
        save_account(
            organization_id=tenant.id,
            name="kept",
            kind="openai_compatible",
            base_url=base_url or provider.base_url,
            prices_as="openai",
            credential=NewCredential(ref=f"vault://secret/{path}#api_key"),
            actor="test",
        )
        return Kept(tenant, path)

    return make


def _entry(base_url: str) -> dict[str, Any]:
    account = {"kind": "openai_compatible", "base_url": base_url, "prices_as": "openai"}
    models = {"gpt-4o-mini": "kept", "gpt-4o": "sealed"}
    return {
        "provider_accounts": [
            {**account, "name": "kept", "credential": {"value": "sk-not-yet"}},
            {**account, "name": "sealed", "credential": {"value": "sk-demo-tests"}},
        ],
        "models": [
            {"alias": one, "targets": [{"account": account, "model": one}], "retries": 0}
            for one, account in models.items()
        ],
    }


@dataclass
class Load:
    """Calls of several kinds, one after the other in a thread for each, with when they ended and how."""

    ended: dict[str, list[tuple[float, int, str]]] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, name: str, api: Api, model: str) -> None:
        mine = self.ended.setdefault(name, [])
        while not self.stopping.is_set():
            answer = api.chat(model=model)
            code = "" if answer.status_code == 200 else code_of(answer)[1]
            mine.append((time.monotonic(), answer.status_code, code))

    def since(self, name: str, moment: float) -> list[tuple[int, str]]:
        return [(status, code) for at, status, code in list(self.ended[name]) if at >= moment]


@contextmanager
def under_load(**kinds: tuple[Api, str]) -> Iterator[Load]:
    load = Load()
    with ThreadPoolExecutor(len(kinds)) as threads:
        running = [threads.submit(load.run, name, *kind) for name, kind in kinds.items()]
        try:
            yield load
        finally:
            load.stopping.set()
        for one in running:
            one.result()


def wait_for(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def opened(openbao: OpenBao, api: Api) -> None:
    """Unsealed, and no worker is left that takes it for closed, whether or not it is asked here."""
    openbao.unseal()
    time.sleep(REST_S + 0.1)
    wait_for(lambda: {api.chat(model="gpt-4o-mini").status_code for _ in range(10)} == {200}, 10)


def bearers(provider: ProviderHandle, since: int) -> list[str]:
    return [dict(one["headers"]).get("authorization", "") for one in provider.requests(since=since)]


@pytest.mark.full
def test_rotation_and_a_sealed_vault_under_load(
    vaulted: Vaulted,
    kept: Callable[..., Kept],
    make_tenant: MakeTenant,
    openbao: OpenBao,
    provider: ProviderHandle,
) -> None:
    """A new value is in use within its time and no call fails; sealed, the last one serves until its own; then only
    that account is refused, until the vault is open again."""
    first, second = key_of("one"), key_of("two")
    mine = kept(first)
    api, other = vaulted.api(mine.tenant), vaulted.api(make_tenant())
    began = len(provider.requests())
    with under_load(kept=(api, "gpt-4o-mini"), sealed=(api, "gpt-4o"), other=(other, "gpt-4o-mini")) as load:
        wait_for(lambda: f"Bearer {first}" in bearers(provider, began), 5)
        openbao.put(mine.path, api_key=second)
        wait_for(lambda: f"Bearer {second}" in bearers(provider, began), 5)
        time.sleep(1.5)  # by now both workers have it
        seen = len(provider.requests())
        wait_for(lambda: f"Bearer {second}" in bearers(provider, seen), 5)
        assert f"Bearer {first}" not in bearers(provider, seen)
        assert {status for name in load.ended for status, _ in load.since(name, 0.0)} == {200}

        sealed_at = time.monotonic()
        openbao.seal()
        try:
            time.sleep(KEEP_S - 2.5)  # the last reading is at most a little over a second old
            assert {status for status, _ in load.since("kept", sealed_at)} == {200}
            refused = [(503, "credentials_unavailable")] * 20  # of both workers, whose values differ in age
            wait_for(lambda: load.since("kept", sealed_at)[-20:] == refused, KEEP_S + 5)
        finally:
            openbao.unseal()
        opened_at = time.monotonic()
        wait_for(lambda: load.since("kept", opened_at)[-20:] == [(200, "")] * 20, 10)
        time.sleep(REST_S)
    assert set(load.since("kept", 0.0)) == {(200, ""), (503, "credentials_unavailable")}
    for name in ("sealed", "other"):
        assert {status for status, _ in load.since(name, 0.0)} == {200}
    times = [at for at, *_ in load.ended["other"]]
    assert max(later - earlier for earlier, later in pairwise(times)) < 2  # nobody else waited for the vault


@pytest.mark.full
def test_credential_that_was_never_had_refuses_its_account_alone(
    vaulted: Vaulted, kept: Callable[..., Kept], openbao: OpenBao
) -> None:
    mine = kept(key_of("one"))
    api = vaulted.api(mine.tenant)
    openbao.seal()
    try:
        answer = api.chat(model="gpt-4o-mini")
        assert code_of(answer) == (503, "credentials_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert api.chat(model="gpt-4o").status_code == 200
    finally:
        opened(openbao, api)


@pytest.mark.full
@pytest.mark.parametrize("path", ["messages/count_tokens", "responses/input_tokens"])
def test_first_count_of_tokens_waits_for_the_store_too(
    vaulted: Vaulted, kept: Callable[..., Kept], path: str
) -> None:
    api = vaulted.api(kept(key_of("one")).tenant)
    body = {"model": "gpt-4o-mini", **({"messages": HELLO} if "messages" in path else {"input": "Hello"})}
    answer = api.send("POST", path, json.dumps(body).encode())
    assert answer.status_code == 200, answer.text


def test_value_that_the_provider_refuses_is_read_again_at_once(
    vaulted: Vaulted, kept: Callable[..., Kept], openbao: OpenBao
) -> None:
    mine = kept("wrong-from-the-start")
    api = vaulted.api(mine.tenant)
    assert code_of(api.chat()) == (502, "upstream_credentials")
    openbao.put(mine.path, api_key=key_of("one"))
    wait_for(lambda: api.chat().status_code == 200, 5)


class Echo:
    """A provider that takes its time to refuse, and then repeats what it was sent."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[str] = []
        self.server: ThreadingHTTPServer | None = None


@pytest.fixture(scope="module")
def echo(provider: ProviderHandle) -> Iterator[Echo]:
    made = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            sent = str(self.headers["authorization"])
            made.asked.append(sent)
            assert made.may_answer.wait(20)
            content = json.dumps({"error": {"message": f"I do not like {sent}", "code": "odd"}}).encode()
            self.send_response(400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.server = server
    allowed = f"127.0.0.1:{server.server_port}"
    os.environ["ORBIT_PRIVATE_TARGETS"] += f",{allowed}"
    django_settings.ORBIT_PRIVATE_TARGETS.append(allowed)
    yield made
    server.shutdown()
    server.server_close()


def test_provider_that_repeats_a_key_rotated_meanwhile_is_not_passed_on(
    vaulted: Vaulted, kept: Callable[..., Kept], openbao: OpenBao, echo: Echo
) -> None:
    assert echo.server is not None
    first, second = key_of("one"), key_of("two")
    mine = kept(first, base_url=f"http://127.0.0.1:{echo.server.server_port}/v1")
    api = vaulted.api(mine.tenant)
    with ThreadPoolExecutor(12) as threads:
        calls = [threads.submit(api.chat, model="gpt-4o-mini") for _ in range(4)]
        wait_for(lambda: len(echo.asked) == 4, 5)
        openbao.put(mine.path, api_key=second)
        for _ in range(8):  # until both workers have the new one
            time.sleep(0.4)
            calls.append(threads.submit(api.chat, model="gpt-4o-mini"))
        wait_for(lambda: len(echo.asked) == 12, 5)
        echo.may_answer.set()
        answers = [call.result() for call in calls]
    assert {f"Bearer {first}", f"Bearer {second}"} <= set(echo.asked)
    for answer in answers:
        assert answer.status_code == 400
        assert "I do not like Bearer ***" in answer.text
        assert first not in answer.text
        assert second not in answer.text


@pytest.mark.full
def test_secrets_show_nowhere(
    vaulted: Vaulted, kept: Callable[..., Kept], openbao: OpenBao, provider: ProviderHandle
) -> None:
    """Answers, the log at its most talkative, the ledger, the file that is exported, the admin, reprs."""
    canary = key_of("canary")
    mine = kept(canary)
    api = vaulted.api(mine.tenant)
    shown = [api.chat(model="gpt-4o-mini").text, api.chat(model="gpt-4o-mini", stream=True).text]
    assert f"Bearer {canary}" in bearers(provider, 0)
    openbao.seal()
    try:
        with pytest.raises(CredentialUnavailable) as caught:
            try_credential(organization_id=mine.tenant.id, name="kept")
        shown += [
            str(caught.value),
            repr(caught.value),
            caught.value.reason,
            str(caught.getrepr(style="native")),
        ]
        time.sleep(KEEP_S + 1.5)
        shown.append(api.chat(model="gpt-4o-mini").text)
    finally:
        opened(openbao, api)
    shown.append(try_credential(organization_id=mine.tenant.id, name="kept"))
    shown += [json.dumps(mine.tenant.events()), json.dumps(mine.tenant.events("act"))]
    shown.append(json.dumps(export(mine.tenant.slug)))
    staff = Client()
    staff.force_login(Person.objects.create_superuser(f"{mine.tenant.slug}@example.com", "unused"))
    with access.scope(organization_id=mine.tenant.id):
        account = ProviderAccount.objects.get(name="kept")
    shown.append(repr(account.__dict__))
    for page in ("", f"{account.pk}/change/", f"{account.pk}/history/"):
        answer = staff.get(f"/admin/tenants/provideraccount/{page}", follow=True)
        assert answer.status_code == 200
        shown.append(answer.content.decode())
    log = vaulted.log.read_text(errors="replace")
    assert f"vault://secret/{mine.path}#api_key cannot be read: " in log
    for text in [*shown, log]:
        assert canary not in text
        assert vaulted.proof not in text
        assert "hvs." not in text
        assert "x-vault-token" not in text.lower()
