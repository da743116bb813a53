"""What a provider keeps belongs to a project: to others it is as if it were not, and the provider is never asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from proxy.references import may_refer, object_references
from tenants.models import ModelTarget, ProviderAccount, ProviderObject
from tenants.services import issue_key
from tenants.services.provider_objects import KEPT
from tenants.tasks import forget_expired_objects
from tests.clients.books import calls, served
from tests.conftest import MakeTenant, Tenant
from tests.proxy.conftest import Api, ApiOf, code_of
from tests.proxy.responses import create, openai, text

UNKNOWN = "resp_demo0000000000"


@dataclass
class Cast:
    """Two keys of one project, one of another project, and another organization; all share one account's key."""

    owner: Api
    colleague: Api
    other_project: Api
    stranger: Api
    tenant: Tenant

    @property
    def outsiders(self) -> list[Api]:
        return [self.other_project, self.stranger]


@pytest.fixture
def people(make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle) -> Cast:
    projects = [{"slug": one, "name": one, "keys": [{"name": "main"}]} for one in ("app", "lab")]
    tenant, stranger = make_tenant(openai(provider) | {"projects": projects}), make_tenant(openai(provider))
    owner = api_of(tenant)
    keys = [
        issue_key(organization_id=tenant.id, project=project, name="second", actor="test")[1]
        for project in ("app", "lab")
    ]
    return Cast(owner, Api(owner.http, keys[0]), Api(owner.http, keys[1]), api_of(stranger), tenant)


def rows(tenant: Tenant) -> dict[str, ProviderObject]:
    with access.scope(organization_id=tenant.id):
        return {one.object_id: one for one in ProviderObject.objects.all()}


def told(answer: httpx2.Response) -> dict[str, Any]:
    """An error without the id of its own request."""
    error: dict[str, Any] = answer.json()["error"]
    del error["orbit"]["request_id"]
    return error


Ask = Callable[[Api, str], httpx2.Response]
BY_PATH: dict[str, Ask] = {
    "read": lambda api, one: api.get(f"responses/{one}"),
    "stream": lambda api, one: api.get(f"responses/{one}?stream=true"),
    "items": lambda api, one: api.get(f"responses/{one}/input_items"),
    "cancel": lambda api, one: api.send("POST", f"responses/{one}/cancel"),
    "delete": lambda api, one: api.send("DELETE", f"responses/{one}"),
}
BY_BODY: dict[str, Ask] = {
    "previous": lambda api, one: create(api, previous_response_id=one),
    "previous in a stream": lambda api, one: create(api, previous_response_id=one, stream=True),
    "previous, counted": lambda api, one: api.send(
        "POST",
        "responses/input_tokens",
        orjson.dumps({"model": "gpt-4o-mini", "input": "Hi", "previous_response_id": one}),
    ),
    "item": lambda api, one: create(api, [{"type": "item_reference", "id": one}]),
    "item without its type": lambda api, one: create(api, [{"id": one}]),
    "reasoning without its content": lambda api, one: create(
        api, [{"type": "reasoning", "id": one, "summary": []}]
    ),
    "comparison": lambda api, one: create(api, prompt_cache_options={"comparison_response_id": one}),
}


@pytest.mark.parametrize("ask", (BY_PATH | BY_BODY).values(), ids=(BY_PATH | BY_BODY).keys())
def test_foreign_and_unknown_ids_are_not_found_alike(
    people: Cast, provider: ProviderHandle, ask: Ask
) -> None:
    made = create(people.owner, text("tokens=5")).json()
    ids = [made["id"], made["output"][0]["id"]]
    before, spent = provider.summary(), len(people.tenant.events())
    answers = [ask(api, one) for api in people.outsiders for one in (*ids, UNKNOWN)]
    answers.append(ask(people.owner, UNKNOWN))
    assert {code_of(one) for one in answers} == {(404, "not_found")}
    assert all(told(one) == told(answers[0]) for one in answers)
    assert provider.summary()["requests"] == before["requests"]
    assert len(people.tenant.events()) == spent


@pytest.mark.parametrize("written", ["..%2f{}", "%2e%2e/{}", "{}%252f", "{}/x", "{}%00", "%7b{}%7d", "{}."])
def test_encoded_and_bent_ids_are_not_found(people: Cast, provider: ProviderHandle, written: str) -> None:
    made = create(people.owner, text("tokens=5")).json()["id"]
    before = provider.summary()["requests"]
    answer = people.owner.get("responses/" + written.format(made))
    assert code_of(answer) == (404, "not_found")
    assert provider.summary()["requests"] == before


def test_an_object_of_an_account_that_the_model_does_not_go_to_is_not_found(
    make_tenant: MakeTenant, api_of: ApiOf, provider: ProviderHandle
) -> None:
    entry = openai(provider)
    entry["provider_accounts"].append({**entry["provider_accounts"][0], "name": "second"})
    entry["models"][1]["targets"][0]["account"] = "second"
    api = api_of(make_tenant(entry))
    made = create(api, text("tokens=5")).json()["id"]
    before = provider.summary()["requests"]
    answer = create(api, model="gpt-4o", previous_response_id=made)
    assert code_of(answer) == (404, "not_found")
    assert provider.summary()["requests"] == before
    assert create(api, text("tokens=5"), previous_response_id=made).status_code == 200


def test_the_project_goes_on_with_what_one_of_its_keys_began(people: Cast) -> None:
    made = create(people.owner, text("tokens=5")).json()
    for api in (people.owner, people.colleague):
        assert create(api, text("tokens=5"), previous_response_id=made["id"]).status_code == 200
        item = {"type": "item_reference", "id": made["output"][0]["id"]}
        assert create(api, [item, {"role": "user", "content": "And?"}]).status_code == 200
        assert api.get(f"responses/{made['id']}").json()["id"] == made["id"]


def test_what_is_not_stored_has_no_owner(people: Cast) -> None:
    made = create(people.owner, text("tokens=5"), store=False).json()
    assert rows(people.tenant) == {}
    assert code_of(people.owner.get(f"responses/{made['id']}")) == (404, "not_found")


def test_plain_answer_has_its_owner_with_it(people: Cast) -> None:
    made = create(people.owner, text("tokens=5")).json()
    found = rows(people.tenant)
    assert {(one.object_id, one.kind) for one in found.values()} == {
        (made["id"], "response"),
        (made["output"][0]["id"], "item"),
    }
    assert {one.response_id for one in found.values()} == {made["id"]}
    assert abs(found[made["id"]].expires_at - datetime.now(UTC) - KEPT) < timedelta(minutes=5)


def test_streams_give_out_no_id_without_an_owner(people: Cast) -> None:
    body = orjson.dumps(
        {"model": "gpt-4o-mini", "input": text("tokens=30", "pace_ms=5", "split=odd"), "stream": True}
    )
    headers = {"authorization": f"Bearer {people.owner.key}"}
    shown, seen = set[str](), ""
    with people.owner.http.stream("POST", "responses", content=body, headers=headers) as answer:
        for piece in answer.iter_text():
            seen += piece
            for event in seen.split("\n\n")[:-1]:
                data = orjson.loads(event.partition("\ndata: ")[2])
                new = {part["id"] for name in ("response", "item") if (part := data.get(name))} - shown
                if new:
                    assert new <= rows(people.tenant).keys()
                    shown |= new
            seen = seen.rpartition("\n\n")[2]
    assert len(shown) == 2


@pytest.mark.parametrize(
    "fields", [{}, {"stream": True}, {"background": True}], ids=["plain", "stream", "background"]
)
def test_no_id_without_its_owner_and_the_call_is_charged(
    people: Cast, provider: ProviderHandle, fields: dict[str, Any]
) -> None:
    """The account's row is gone behind the gateway's back, so that nothing can be written about it."""
    assert create(people.owner, text("tokens=5"), store=False).status_code == 200
    with access.scope(organization_id=people.tenant.id):
        ModelTarget.objects.all().delete()
        ProviderAccount.objects.all().delete()
    answer = create(people.owner, text("tokens=20", "pace_ms=5"), **fields)
    assert code_of(answer) == (503, "objects_unavailable")
    assert b"resp_" not in answer.content
    [_, event] = calls(people.tenant, 2)
    assert event["cost_nano"] > 0
    assert served(provider, event)["outcome"] != "open"


def test_items_of_a_response_in_the_background_get_their_owner_when_they_are_read(people: Cast) -> None:
    made = create(people.owner, text("tokens=10", "pace_ms=1"), background=True).json()
    assert rows(people.tenant).keys() == {made["id"]}
    answer = people.owner.get(f"responses/{made['id']}?stream=true")
    assert b"event: response.completed" in answer.content
    [item] = rows(people.tenant).keys() - {made["id"]}
    reference = [{"type": "item_reference", "id": item}, {"role": "user", "content": "And?"}]
    assert create(people.owner, reference).status_code == 200


def test_listed_items_have_their_owner_with_them(people: Cast) -> None:
    made = create(people.owner, text("tokens=5")).json()
    page = people.colleague.get(f"responses/{made['id']}/input_items?limit=1&order=asc").json()
    [item] = page["data"]
    assert rows(people.tenant)[item["id"]].response_id == made["id"]
    assert code_of(create(people.stranger, [{"type": "item_reference", "id": item["id"]}]))[0] == 404


def test_deleted_objects_are_forgotten(people: Cast) -> None:
    made, kept = create(people.owner, text("tokens=5")).json(), create(people.owner, text("tokens=5")).json()
    assert people.owner.send("DELETE", f"responses/{made['id']}").json()["deleted"] is True
    assert rows(people.tenant).keys() == {kept["id"], kept["output"][0]["id"]}
    assert code_of(people.owner.get(f"responses/{made['id']}")) == (404, "not_found")


def test_outlived_objects_are_forgotten(people: Cast) -> None:
    old, new = create(people.owner, text("tokens=5")).json(), create(people.owner, text("tokens=5")).json()
    with access.scope(organization_id=people.tenant.id):
        for row in ProviderObject.objects.filter(response_id=old["id"]):
            values = {
                field.attname: getattr(row, field.attname) for field in ProviderObject._meta.concrete_fields
            }
            row.delete()
            ProviderObject.objects.create(**{**values, "expires_at": datetime.now(UTC)})
    assert code_of(people.owner.get(f"responses/{old['id']}")) == (404, "not_found")
    assert forget_expired_objects() >= 2
    assert rows(people.tenant).keys() == {new["id"], new["output"][0]["id"]}


@pytest.mark.parametrize(
    ("endpoint", "body", "param"),
    [
        ("responses", {"conversation": "conv_1"}, "conversation"),
        ("responses", {"conversation": {"id": "conv_1"}}, "conversation.id"),
        ("responses", {"prompt": {"id": "pmpt_1"}}, "prompt.id"),
        (
            "responses",
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            "responses",
            {
                "input": [
                    {
                        "type": "function_call_output",
                        "call_id": "c",
                        "output": [{"type": "input_image", "file_id": "file_1"}],
                    }
                ]
            },
            "input[0].output[0].file_id",
        ),
        (
            "responses",
            {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
            "tools[0].vector_store_ids",
        ),
        (
            "responses",
            {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
            "tools[0].container",
        ),
        (
            "responses",
            {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_1"]}}]},
            "tools[0].container.file_ids",
        ),
        (
            "responses",
            {"tools": [{"type": "mcp", "server_label": "d", "connector_id": "connector_dropbox"}]},
            "tools[0].connector_id",
        ),
        (
            "responses",
            {"input": [{"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}]},
            "input[0].approval_request_id",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}]},
            "messages[0].content[0].file.file_id",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
            "messages[0].audio.id",
        ),
        (
            "messages",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}],
                    }
                ]
            },
            "messages[0].content[0].source.file_id",
        ),
        ("messages", {"container": "container_1"}, "container"),
        (
            "messages",
            {"container": {"skills": [{"type": "custom", "skill_id": "s"}]}},
            "container.skills[0].skill_id",
        ),
    ],
)
def test_every_id_that_a_body_can_name_is_found(endpoint: str, body: dict[str, Any], param: str) -> None:
    assert [one.param for one in object_references(endpoint, body)] == [param]
    assert may_refer(body, orjson.dumps(body))


@pytest.mark.parametrize(
    "messages", [5, None, "x", {}, [5], [None], ["x"], [[]], [{"content": {"file_id": "f"}}]]
)
def test_odd_messages_are_looked_at(messages: object) -> None:
    assert may_refer({"messages": messages}, b'"file_id"')


def test_plain_texts_are_not_looked_at() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": 'my "file_id"'}],
        "stop": ["x"],
        "stream": True,
    }
    assert not may_refer(body, orjson.dumps(body))


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("responses", {"metadata": {"file_id": "x"}, "prompt_cache_key": "y"}),
        ("responses", {"input": [{"id": "msg_1", "type": "message", "role": "assistant", "content": []}]}),
        (
            "responses",
            {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": []}]},
        ),
        ("responses", {"input": [{"type": "function_call", "id": "fc_1", "arguments": '{"file_id":"x"}'}]}),
        ("responses", {"tools": [{"type": "function", "parameters": {"default": {"file_id": "x"}}}]}),
        ("responses", {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
        (
            "responses",
            {
                "input": [
                    {"type": "mcp_approval_request", "id": "mcpr_1"},
                    {"type": "mcp_approval_response", "approval_request_id": "mcpr_1"},
                ]
            },
        ),
        ("chat/completions", {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "x"}]}),
        (
            "messages",
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "t", "input": {"file_id": "x"}}],
                    }
                ]
            },
        ),
        ("messages", {"container": {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}}),
        ("completions", {"prompt": "conversation"}),
    ],
)
def test_what_belongs_to_the_application_is_no_reference(endpoint: str, body: dict[str, Any]) -> None:
    assert object_references(endpoint, body) == []


def test_kinds_that_are_not_kept_are_unknown_before_anything_is_asked(
    people: Cast, provider: ProviderHandle
) -> None:
    before = provider.summary()["requests"]
    answer = create(
        people.owner, [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]
    )
    assert code_of(answer) == (404, "not_found")
    assert answer.json()["error"]["param"] == "input[0].content[0].file_id"
    assert provider.summary()["requests"] == before
    assert people.tenant.events() == []
