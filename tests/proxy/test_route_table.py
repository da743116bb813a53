"""Every route has a class of price, and no call is free because its answer says nothing of what it used."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from proxy.routes import TABLE
from quotas.classes import Class, class_of
from tests.clients.books import calls
from tests.conftest import ALIASES, MakeTenant
from tests.proxy.conftest import HELLO, ApiOf
from tests.proxy.media import FORM, PNG, POLICY, PRICED, form, heard, part

POSTS = [route for route in TABLE if route.method == "POST"]
ASK = "[[orbit-demo: usage=missing tokens=5]]"
WITHOUT_EVENT = frozenset({"messages/count_tokens", "responses/input_tokens"})
OTHER_FORMATS = frozenset({"messages", "responses", "responses/compact"})  # tests of their own drive them
EDIT = form(
    part("model", b"gpt-image-1"),
    part("prompt", f"A cat {ASK}".encode()),
    part("quality", b"low"),
    part("image", PNG, "a.png", "image/png"),
)
REQUESTS: dict[str, Any] = {
    "chat/completions": {"model": "gpt-4o-mini", "messages": [*HELLO, {"role": "user", "content": ASK}]},
    "completions": {"model": "gpt-3.5-turbo-instruct", "prompt": ASK},
    "embeddings": {"model": "text-embedding-3-small", "input": ASK},
    "moderations": {"model": "omni-moderation-latest", "input": ASK},
    "images/generations": {"model": "gpt-image-1", "prompt": ASK, "quality": "low"},
    "images/edits": EDIT,
    "images/variations": form(part("model", b"dall-e-2"), part("image", PNG, "a.png", "image/png")),
    "audio/speech": {"model": "gpt-4o-mini-tts", "input": f"Hello {ASK}", "voice": "alloy"},
    "audio/transcriptions": heard(part("prompt", ASK.encode()), model="gpt-4o-transcribe"),
    "audio/translations": heard(part("prompt", ASK.encode())),
}


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.method} {route.path}")
def test_route_has_a_class_of_price(route: Any) -> None:
    if not route.endpoint.startswith("orbit/"):
        assert class_of(route.endpoint) in Class


def test_every_route_that_is_charged_is_driven_here() -> None:
    charged = {route.endpoint for route in POSTS} - WITHOUT_EVENT - OTHER_FORMATS
    assert {one for one in charged if not one.startswith("responses/")} == REQUESTS.keys()


@pytest.mark.parametrize("endpoint", REQUESTS)
def test_call_without_usage_is_marked_and_not_free(
    api_of: ApiOf, make_tenant: MakeTenant, provider: ProviderHandle, endpoint: str
) -> None:
    own = [{"alias": one, "targets": [{"account": "demo", "model": one}]} for one in ALIASES]
    tenant = make_tenant(entry={**PRICED, "models": PRICED["models"] + own}, **POLICY)
    body = REQUESTS[endpoint]
    sent = (body, FORM) if isinstance(body, bytes) else (orjson.dumps(body), {})
    answer = api_of(tenant).send("POST", endpoint, *sent)
    assert answer.status_code == 200, answer.text
    [event] = calls(tenant)
    assert (event["endpoint"], event["status"]) == (endpoint, "settled")
    if class_of(endpoint) is Class.FREE:
        assert event["cost_nano"] == 0
    else:
        assert event["usage_source"] == "estimated"
        assert event["cost_nano"] > 0
        assert event["input_tokens"] or event["output_tokens"] or event.get("images") or event.get("seconds")
