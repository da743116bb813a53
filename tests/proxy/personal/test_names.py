"""Names through the gateway with the model itself: requests, answers, streams, and what is told when nobody looked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.launcher.names import NamesPool
from orbit.launcher.state import PROJECT
from tests.audit.test_schema import faults
from tests.conftest import MakeTenant, Tenant
from tests.gateway import running_gateway
from tests.launcher.conftest import eventually
from tests.proxy.conftest import Api
from tests.proxy.personal.conftest import found, looking, rule
from tests.proxy.personal.streams import read, reasons, text_of
from tests.proxy.personal.test_requests import ECHO, said, shown
from tests.proxy.responses import create, openai
from tests.proxy.roads import GPT, ROADS, Road

NAMES = {"by": "model", "deadline_ms": 30_000}
TEXT = "Yesterday Alex Rivera and the others wrote to us again."  # no rule finds a name there
MASKED = TEXT.replace("Alex Rivera", "[PERSON]")


@pytest.fixture(scope="module")
def web(provider: ProviderHandle) -> Iterator[httpx2.Client]:
    """A gateway beside which the pool runs, as the launcher starts both."""
    with tempfile.TemporaryDirectory(prefix="orbit-") as folder:
        socket = Path(folder, "names.sock")
        pool = NamesPool(workers=1, queue=16, socket=socket)
        own = {"ORBIT_NAMES_WORKERS": "1", "ORBIT_NAMES_SOCKET": str(socket)}
        with subprocess.Popen([sys.executable, *pool.arguments()], cwd=PROJECT) as process:
            try:
                eventually(socket.exists)
                with running_gateway(environment=own) as gateway:
                    url = gateway.base_url + "/"
                    with httpx2.Client(base_url=url, timeout=30, trust_env=False, verify=False) as made:
                        yield made
            finally:
                process.terminate()


def naming(make_tenant: MakeTenant, provider: ProviderHandle, *rules: dict[str, Any], **more: Any) -> Tenant:
    return looking(make_tenant, provider, *(rules or (rule("mask"),)), **{"names": NAMES, **more})


def ask(web: httpx2.Client, tenant: Tenant, road: Road, text: str, **more: Any) -> Any:
    body = road.body(messages=said(f"{text} {ECHO}"), **more)
    return Api(web, tenant.key).send("POST", road.path, orjson.dumps(body), road.headers)


@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_provider_gets_no_name_and_the_client_has_it_back(
    make_tenant: MakeTenant, provider: ProviderHandle, web: httpx2.Client, road: Road
) -> None:
    masking = naming(make_tenant, provider, rule("mask", direction="request"))
    assert shown(ask(web, masking, road, TEXT)).startswith(MASKED)
    assert found(masking) == [("PERSON", "request", "user", "mask", "1")]
    turning = naming(make_tenant, provider, rule("tokenize", direction="request"))
    assert shown(ask(web, turning, road, TEXT)).startswith(TEXT)
    streamed = ask(web, turning, road, TEXT, stream=True)
    assert text_of(read(streamed.content)).startswith(TEXT)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("road", ROADS.values(), ids=str)
def test_names_that_a_model_writes_are_masked(
    make_tenant: MakeTenant, provider: ProviderHandle, web: httpx2.Client, road: Road, stream: bool
) -> None:
    tenant = naming(make_tenant, provider, rule("mask", direction="answer"))
    answer = ask(web, tenant, road, f"{TEXT} She was there as well. {TEXT}", stream=stream)
    text = text_of(read(answer.content)) if stream else shown(answer)
    assert text.startswith(f"{MASKED} She was there as well. {MASKED}")
    assert found(tenant) == [("PERSON", "answer", "assistant", "mask", "2")]
    (event,) = tenant.events()
    assert "uninspected" not in event["dlp"]


def test_response_and_what_is_read_of_it_again_are_inspected(
    make_tenant: MakeTenant, provider: ProviderHandle, web: httpx2.Client
) -> None:
    tenant = make_tenant(openai(provider), dlp={"rules": [rule("mask", direction="answer")], "names": NAMES})
    api = Api(web, tenant.key)
    made = create(api, f"{TEXT} {ECHO}")
    assert MASKED in made.text
    assert "[PERSON]" in str(api.get(f"responses/{made.json()['id']}").json()["output"])
    behind = create(api, f"{TEXT} {ECHO}", background=True)
    assert "Rivera" not in behind.text.replace(TEXT, "")


def test_name_blocks_where_a_rule_says_so(
    make_tenant: MakeTenant, provider: ProviderHandle, web: httpx2.Client
) -> None:
    tenant = naming(make_tenant, provider, rule("block", "PERSON"))
    answer = Api(web, tenant.key).chat(model=GPT, messages=said(TEXT))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_blocked")
    assert "Rivera" not in answer.text


def test_policy_that_does_not_ask_lets_names_pass(
    make_tenant: MakeTenant, provider: ProviderHandle, web: httpx2.Client
) -> None:
    tenant = naming(make_tenant, provider, names={"by": "rules"})
    assert shown(ask(web, tenant, ROADS["messages"], TEXT)).startswith(TEXT)
    (event,) = tenant.events()
    assert "dlp" not in event


# With the shared gateway, whose installation has no workers.


def test_without_workers_a_call_is_refused_and_nothing_is_sent(
    make_tenant: MakeTenant, provider: ProviderHandle, client: httpx2.Client
) -> None:
    tenant = naming(make_tenant, provider)
    answer = Api(client, tenant.key).chat(model=GPT, messages=said(TEXT))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_inspected")
    assert answer.json()["error"]["orbit"]["reason"] == "away"
    assert "retry-after" in answer.headers
    assert tenant.events() == []


@pytest.mark.parametrize("stream", [False, True])
def test_without_workers_a_call_passes_marked_where_the_policy_says_so(
    make_tenant: MakeTenant, provider: ProviderHandle, client: httpx2.Client, stream: bool
) -> None:
    tenant = naming(make_tenant, provider, names={**NAMES, "when_uninspected": "pass"})
    answer = ask(client, tenant, ROADS["messages"], TEXT, stream=stream)
    text = text_of(read(answer.content)) if stream else shown(answer)
    assert text.startswith(TEXT)
    (event,) = tenant.events()
    assert event["dlp"] == {
        "uninspected": [
            {"direction": way, "reason": "away", "what": "names"} for way in ("answer", "request")
        ]
    }
    assert faults(event) == []


@pytest.mark.parametrize("stream", [False, True])
def test_without_workers_an_answer_ends_before_its_first_word(
    make_tenant: MakeTenant, provider: ProviderHandle, client: httpx2.Client, stream: bool
) -> None:
    tenant = naming(make_tenant, provider, rule("mask", direction="answer"))
    answer = ask(client, tenant, ROADS["messages"], TEXT, stream=stream)
    assert answer.status_code == 200
    assert "Rivera" not in answer.text
    if stream:
        assert reasons(read(answer.content)) == ["refusal"]
    (event,) = tenant.events()
    assert event["finish_reason"] == "refusal"
