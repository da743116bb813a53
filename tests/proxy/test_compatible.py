"""Servers that speak OpenAI's formats with differences: each row of the table, as it goes over the wire."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from proxy.context import Account
from proxy.formats.base import Terms
from proxy.providers import PROVIDERS
from proxy.providers.compatible import CAPS, HARMLESS, ROWS
from tenants import kinds
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import ApiOf

MODEL = "gpt-4o-mini"
CEILING = {"input": "1.00", "output": "2.00"}


def test_every_kind_of_account_has_an_adapter() -> None:
    assert set(PROVIDERS) == set(kinds.BY_NAME)


@pytest.fixture
def served_by(make_tenant: MakeTenant, provider: ProviderHandle) -> Any:
    def make(kind: str, model: str = MODEL, **policy: Any) -> Tenant:
        account = {"name": "own", "kind": kind, "base_url": provider.base_url, "prices_as": "openai"}
        account["credential"] = {"value": "sk-demo-rows"}  # type: ignore[assignment]
        route = {"alias": MODEL, "targets": [{"account": "own", "model": model}]}
        return make_tenant(
            entry={"provider_accounts": [account], "models": [route]}, unpriced_models=CEILING, **policy
        )

    return make


@pytest.mark.cell(
    surface="OpenAI chat",
    provider=(
        "openai_compatible",
        "vllm",
        "ollama",
        "groq",
        "together",
        "deepseek",
        "xai",
        "mistral",
        "openrouter",
    ),
    feature=("plain", "streaming"),
)
@pytest.mark.parametrize("kind", sorted(ROWS))
@pytest.mark.parametrize("stream", [False, True])
def test_every_row_serves_and_is_charged(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle, kind: str, stream: bool
) -> None:
    tenant = served_by(kind)
    answer = api_of(tenant).chat(stream=stream, max_completion_tokens=40)
    assert answer.status_code == 200, answer.text
    (event,) = tenant.events()
    assert event["status"] == "settled"
    assert event["output_tokens"] > 0
    if kind == "mistral" and stream:  # the demo provider wants to be asked, Mistral does not
        assert event["usage_source"] == "estimated"
    else:
        assert event["usage_source"] == "provider"


def sent(provider: ProviderHandle) -> dict[str, Any]:
    """The body of the last request that the provider got."""
    fields: dict[str, Any] = provider.requests()[-1]["fields"]
    return fields


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_output_is_capped_by_the_field_that_the_server_knows(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle, kind: str
) -> None:
    tenant = served_by(kind, caps={"max_output_tokens": 33})
    assert api_of(tenant).chat().status_code == 200
    assert sent(provider)[ROWS[kind].cap_field] == 33


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_cap_of_another_name_goes_under_the_one_that_the_server_obeys(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle, kind: str
) -> None:
    """A server that does not know `max_completion_tokens` may ignore it, and write what nobody reserved."""
    fields: dict[str, Any] = (
        {"max_tokens": 7} if ROWS[kind].cap_field != "max_tokens" else {"max_completion_tokens": 7}
    )
    assert api_of(served_by(kind)).chat(**fields).status_code == 200
    body = sent(provider)
    assert {name: body[name] for name in CAPS if name in body} == {ROWS[kind].cap_field: 7}


def test_strict_server_gets_nothing_that_it_would_stumble_over(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle
) -> None:
    model = f"{MODEL}?refuse_params=stream_options,user,metadata,max_completion_tokens,safety_identifier"
    tenant = served_by("mistral", model)
    answer = api_of(tenant).chat(
        stream=True,
        stream_options={"include_usage": True},
        user="ann",
        metadata={"team": "a"},
        max_completion_tokens=20,
    )
    assert answer.status_code == 200, answer.text
    assert sent(provider)["max_tokens"] == 20
    assert answer.headers["x-orbit-dropped"] == "metadata, user"
    assert tenant.events()[0]["tags"] == {"team": "a"}


@pytest.mark.parametrize("kind", sorted(kind for kind, row in ROWS.items() if "embeddings" in row.endpoints))
def test_embeddings_reach_strict_servers_without_what_only_describes_them(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle, kind: str
) -> None:
    strict, model = ROWS[kind].strict, "text-embedding-3-small"
    tenant = served_by(kind, f"{model}?refuse_params=user" if strict else model)
    body = {"model": MODEL, "input": "Hello", "user": "ann"}
    answer = api_of(tenant).send("POST", "embeddings", orjson.dumps(body))
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("x-orbit-dropped") == ("user" if strict else None)
    assert sent(provider).get("user") == (None if strict else "ann")
    assert tenant.events()[0]["end_user"] == "ann"


def test_field_of_another_name_is_renamed() -> None:
    account = Account("1", "own", "mistral", "https://api.mistral.ai/v1")
    body = {"model": "fast", "messages": [], "seed": 7}
    terms = Terms("mistral-small-latest", 20)
    prepared = PROVIDERS["mistral"].prepare(account, "chat/completions", body, b"{}", terms, {})
    assert orjson.loads(prepared.body) == {
        "model": "mistral-small-latest",
        "messages": [],
        "random_seed": 7,
        "max_tokens": 20,
    }


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [(kind, name, 2) for kind, row in sorted(ROWS.items()) for name in sorted(row.lacks)],
)
def test_what_a_server_lacks_is_refused_by_name_or_dropped_where_the_policy_says(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle, kind: str, field: str, value: int
) -> None:
    fields: dict[str, Any] = {field: value}
    answer = api_of(served_by(kind)).chat(**fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    answer = api_of(served_by(kind, untranslatable="drop")).chat(**fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-orbit-dropped"] == field
    assert field not in sent(provider)


@pytest.mark.parametrize("kind", [kind for kind, row in sorted(ROWS.items()) if row.lacks])
def test_value_that_asks_for_what_happens_anyway_is_no_reason_to_refuse(
    served_by: Any, api_of: ApiOf, provider: ProviderHandle, kind: str
) -> None:
    lacks = ROWS[kind].lacks
    fields = {name: value for name, value in HARMLESS.items() if name in lacks}
    answer = api_of(served_by(kind)).chat(**fields)
    assert answer.status_code == 200, answer.text
    assert "x-orbit-dropped" not in answer.headers
    assert not fields.keys() & sent(provider).keys()


def test_server_without_a_credential_is_called_without_one(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    account = {"name": "own", "kind": "ollama", "base_url": provider.base_url}
    route = {"alias": MODEL, "targets": [{"account": "own", "model": MODEL}]}
    tenant = make_tenant(entry={"provider_accounts": [account], "models": [route]})
    answer = api_of(tenant).chat()
    assert answer.status_code == 502  # the demo provider demands one
    assert not any(name.lower() == "authorization" for name, _ in provider.requests()[-1]["headers"])
