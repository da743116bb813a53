"""What a provider writes: its answers pass byte for byte, its errors where they help, its headers and our credential never."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import pytest
from django.conf import settings

from faults.hostile import Hostile, Script, hostile, streamed, whole
from faults.samples import chat_answer, chat_events, message_answer, messages_events
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway
from tests.proxy.conftest import HELLO, LIMITS
from tests.proxy.roads import CLAUDE, GPT
from tests.proxy.test_every_cut import DRESSES, MARK

pytestmark = pytest.mark.full  # every provider one by one

CANARY, SECRET = "canary-7c40", "sk-secret-canary-1f"
DEEP = "as deep as can be read"
HEADERS = [
    "set-cookie", "server", "via", "location", "openai-organization", "openai-project", "openai-processing-ms",
    "openai-version", "openai-model", "anthropic-organization-id", "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-reset",
    "x-ratelimit-limit-images", "cf-ray", "cf-cache-status", "x-request-id", "request-id", "x-envoy-upstream-service-time",
    "x-powered-by", "x-amzn-requestid", "x-amzn-bedrock-input-token-count", "x-goog-request-id", "x-ms-region",
    "x-ms-deployment-name", "azureml-model-session", "alt-svc", "strict-transport-security", "access-control-allow-origin",
    "access-control-allow-credentials", "access-control-expose-headers", "content-security-policy", "x-frame-options",
    "report-to", "nel", "etag", "last-modified", "cache-control", "pragma", "expires", "vary", "link", "refresh",
    "www-authenticate", "proxy-authenticate", "authorization", "x-api-key", "cookie", "x-orbit-account", "x-orbit-cost-nano",
    "x-orbit-request-id", "x-orbit-limit", "x-orbit-anything", "server-timing", "trailer", "warning", "age", "content-language",
    "x-custom-secret",
]  # fmt: skip
ROADS = [("chat/completions", GPT), ("messages", CLAUDE), ("chat/completions", CLAUDE), ("messages", GPT)]
ids = [f"{path} on {model}" for path, model in ROADS]


@dataclass
class Told:
    """The provider, and what it answers next."""

    provider: Hostile
    next: Script = field(default_factory=lambda: Script(()))

    def answer(self, head: bytes, body: bytes) -> Script:
        return self.next


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with hostile(lambda head, body: made.next) as provider:
        made = Told(provider)
        settings.ORBIT_PRIVATE_TARGETS.append(f"127.0.0.1:{provider.port}")
        yield made
        settings.ORBIT_PRIVATE_TARGETS.remove(f"127.0.0.1:{provider.port}")


@pytest.fixture(scope="module")
def gateway(told: Told) -> Iterator[Gateway]:
    """One that may reach this provider."""
    allowed = f"{os.environ.get('ORBIT_PRIVATE_TARGETS', '')},127.0.0.1:{told.provider.port}".lstrip(",")
    with running_gateway(environment={"ORBIT_PRIVATE_TARGETS": allowed}) as running:
        yield running


@pytest.fixture
def tenant(told: Told, make_tenant: MakeTenant) -> Tenant:
    url = f"http://127.0.0.1:{told.provider.port}/v1"
    accounts = [
        {"name": kind, "kind": kind, "base_url": url, "credential": {"value": SECRET}}
        for kind in ("openai", "anthropic")
    ]
    models = [
        {"alias": model, "targets": [{"account": account, "model": model}], "retries": 0}
        for model, account in ((GPT, "openai"), (CLAUDE, "anthropic"))
    ]
    return make_tenant(entry={"provider_accounts": accounts, "models": models}, limits=LIMITS)


Answer = tuple[int, dict[str, str], bytes]
AskOf = Callable[..., Answer]


@pytest.fixture
def ask(gateway: Gateway, tenant: Tenant) -> Iterator[AskOf]:
    """`ask(path, model, …)`: status, headers and body."""
    with httpx2.Client(base_url=gateway.base_url + "/", timeout=30, trust_env=False, verify=False) as client:

        def send(path: str, model: str, **fields: Any) -> Answer:
            body = {"model": model, "messages": HELLO, "max_tokens": 50, **fields}
            headers = {"authorization": f"Bearer {tenant.key}", "content-type": "application/json"}
            answer = client.post(path, content=orjson.dumps(body), headers=headers)
            return answer.status_code, dict(answer.headers), answer.content

        yield send


def with_headers(script: Script) -> Script:
    """The same with sixty headers more."""
    head, *rest = script.pieces
    start, _, after = head.partition(b"\r\n")
    more = b"".join(b"%b: %b\r\n" % (name.encode(), CANARY.encode()) for name in HEADERS)
    return Script((start + b"\r\n" + more + after, *rest), script.end)


def good(model: str, *, stream: bool) -> Script:
    if stream:
        return streamed([DRESSES["lf"].write(messages_events() if model == CLAUDE else chat_events())])
    return whole(orjson.dumps(message_answer() if model == CLAUDE else chat_answer()))


def error(status: str, text: str, **more: Any) -> Script:
    told = {"message": text, "type": "invalid_request_error", "param": None, "code": "odd", **more}
    return whole(orjson.dumps({"type": "error", "error": told}), status.encode())


@pytest.mark.parametrize(("path", "model"), ROADS, ids=ids)
def test_sixty_headers_of_a_provider_stay_behind(told: Told, ask: AskOf, path: str, model: str) -> None:
    assert len(HEADERS) == len(set(HEADERS)) == 60
    scripts = {
        200: [(good(model, stream=stream), stream) for stream in (False, True)],
        400: [(error("400 Bad Request", "no"), False)],
        502: [(error("500 Oops", "no"), False)],
    }
    for status, those in scripts.items():
        for script, stream in those:
            told.next = with_headers(script)
            found, headers, _ = ask(path, model, stream=stream)
            assert found == status
            assert CANARY not in str(headers)
            assert not {name for name in headers if name in HEADERS} - {
                "x-request-id", "request-id", "x-orbit-request-id", "x-orbit-account", "x-orbit-cost-nano", "cache-control",
            }  # fmt: skip


@pytest.mark.parametrize(("path", "model"), ROADS, ids=ids)
@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "429 Slow", "500 Oops"]
)
def test_credential_that_an_error_repeats_does_not_come_back(
    told: Told, ask: AskOf, tenant: Tenant, path: str, model: str, status: str
) -> None:
    told.next = error(status, f"you sent {SECRET}", headers={"authorization": f"Bearer {SECRET}"})
    found, headers, body = ask(path, model)
    assert found >= 400
    assert SECRET not in body.decode() + str(headers)
    [event] = tenant.events()
    assert SECRET not in str(event)


@pytest.mark.parametrize(("path", "model"), ROADS, ids=ids)
@pytest.mark.parametrize(
    ("status", "passes"),
    [
        ("400 Bad Request", True),
        ("404 Not Found", True),
        ("413 Too Large", True),
        ("422 Odd", True),
        ("429 Slow", True),
        ("301 Moved", False),
        ("401 Unauthorized", False),
        ("403 Forbidden", False),
        ("500 Oops", False),
        ("503 Busy", False),
        ("999 Odd", False),
    ],
)
def test_providers_words_pass_where_they_help_the_client_and_nowhere_else(
    told: Told, ask: AskOf, path: str, model: str, status: str, passes: bool
) -> None:
    told.next = error(status, CANARY)
    found, _, body = ask(path, model)
    assert found == (int(status[:3]) if passes else 502)
    assert (CANARY in body.decode()) == passes
    shown = orjson.loads(body)
    assert path != "messages" or shown["type"] == "error"
    assert isinstance(shown["error"]["message"], str)


@pytest.mark.parametrize(("path", "model"), ROADS, ids=ids)
def test_words_of_an_error_that_is_no_error_object_stay_behind(
    told: Told, ask: AskOf, path: str, model: str
) -> None:
    for body in (
        b"<html><script>canary-7c40</script>",
        b'"canary-7c40"',
        b'{"error": "canary-7c40"}',
        b"",
        b"\xff\x00",
    ):
        told.next = whole(body, b"400 Bad Request")
        found, _, content = ask(path, model)
        assert found == 502
        assert CANARY.encode() not in content
    told.next = whole(orjson.dumps({"error": {"message": CANARY}}))
    found, _, content = ask(path, model)  # an error under 200
    assert found == 502
    assert CANARY.encode() not in content


@pytest.mark.parametrize(("path", "model"), ROADS[:2], ids=ids[:2])
@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.full), 97])
def test_streams_of_the_same_format_pass_byte_for_byte(
    told: Told, ask: AskOf, path: str, model: str, dress: str, size: int
) -> None:
    written = DRESSES[dress].write(messages_events() if model == CLAUDE else chat_events())
    told.next = streamed([written[at : at + size] for at in range(0, len(written), size)])
    options = {"stream_options": {"include_usage": True}} if model == GPT else {}
    status, _, content = ask(path, model, stream=True, **options)
    assert status == 200
    assert content == written.removeprefix(MARK)


@pytest.mark.parametrize(("path", "model"), ROADS[:2], ids=ids[:2])
def test_plain_answers_of_the_same_format_pass_byte_for_byte(
    told: Told, ask: AskOf, path: str, model: str
) -> None:
    made = message_answer() if model == CLAUDE else chat_answer()
    written = orjson.dumps({**made, "unknown": {"€": [1.0, None]}}, option=orjson.OPT_INDENT_2) + b" \r\n"
    told.next = whole(written)
    assert ask(path, model)[2] == written


@pytest.mark.parametrize(("path", "model"), ROADS, ids=ids)
def test_answer_that_is_too_deep_to_be_written_again_passes_or_is_unreadable(
    told: Told, ask: AskOf, tenant: Tenant, path: str, model: str
) -> None:
    """More can be read than written; what the model wrote is charged either way."""
    made, deep = (
        message_answer() if model == CLAUDE else chat_answer(),
        {"said": [CANARY] * 20, "deep": DEEP},
    )
    if model == CLAUDE:
        made["content"] = [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": deep}]
    else:
        made["choices"][0]["message"] |= {"content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": deep}}
        ]}  # fmt: skip
    del made["usage"]
    written = orjson.dumps(made).replace(b'"%b"' % DEEP.encode(), b"[" * 400 + b"]" * 400)
    told.next = whole(written)
    status, _, content = ask(path, model)
    native = (path == "messages") == (model == CLAUDE)
    assert (status, content == written) == ((200, True) if native else (502, False))
    [event] = tenant.events()
    assert (event["status"], event["usage_source"]) == ("settled", "estimated")
    assert event["output_tokens"] > 20


def test_chunk_that_is_too_deep_to_be_written_again_ends_its_stream(
    told: Told, ask: AskOf, tenant: Tenant
) -> None:
    """It bears the usage, which the client did not ask for."""
    said, usage = chat_events()[2], {"prompt_tokens": 9, "completion_tokens": 5}
    assert isinstance(said, dict)
    deep = orjson.dumps({**said, "deep": DEEP, "usage": usage})
    deep = deep.replace(b'"%b"' % DEEP.encode(), b"[" * 400 + b"]" * 400)
    told.next = streamed([b"data: " + deep + b"\n\n"])
    _, _, content = ask("chat/completions", GPT, stream=True)
    assert orjson.loads(content.split(b"data: ")[1])["error"]["code"] == "upstream_error"
    [event] = tenant.events()
    assert (event["status"], event["code"], event["output_tokens"]) == (
        "provider_failed",
        "upstream_error",
        5,
    )
