"""The playground: a key of one's own for some hours, real calls with it, and the same as code."""

from __future__ import annotations

import ast
import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from django.test import Client

from console.snippets import as_code
from orbit.lib import access
from tenants import services
from tenants.models import ApiKey
from tests.conftest import Tenant as Organization
from tests.console.conftest import Tenant, make_person, signed_in
from tests.gateway import Gateway


def issued(client: Client, path: str, project: str = "chatbot") -> Any:
    return client.post(f"{path}playground/key/", {"project": project})


def mine(tenant: Tenant) -> list[ApiKey]:
    with access.scope(organization_id=tenant.organization.pk):
        return list(ApiKey.objects.filter(revoked_at=None).select_related("person", "project"))


def test_the_key_is_ones_own_narrow_and_ends_by_itself(tenant: Tenant) -> None:
    answer = issued(tenant.client(), tenant.path)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    (key,) = mine(tenant)
    assert key.person == tenant.owner
    assert key.project.slug == "chatbot"
    assert key.allow == {"endpoints": ["chat/completions", "models"]}
    assert key.expires_at is not None
    assert timedelta(hours=3) < key.expires_at - datetime.now(UTC) <= timedelta(hours=4)
    assert key.hint[:4] == answer.json()["key"][:4]


def test_another_key_ends_the_one_before_and_nobody_elses(tenant: Tenant) -> None:
    where: dict[str, Any] = {"organization_id": tenant.organization.pk, "actor": "test"}
    colleague = make_person()
    services.add_member(**where, person=colleague, role="developer")
    services.issue_key(**where, project="chatbot", name="production")
    assert issued(signed_in(colleague), tenant.path).status_code == 201
    assert issued(tenant.client(), tenant.path).status_code == 201
    assert issued(tenant.client(), tenant.path).status_code == 201
    owners = [key.person.email for key in mine(tenant) if key.person is not None]
    assert sorted(owners) == sorted([colleague.email, tenant.owner.email])
    assert tenant.client().post(f"{tenant.path}playground/end/").status_code == 204
    assert [key.person for key in mine(tenant) if key.person] == [colleague]
    assert "production" in {key.name for key in mine(tenant)}


def test_a_project_that_there_is_not_is_told_by_its_field(tenant: Tenant) -> None:
    answer = issued(tenant.client(), tenant.path, "none")
    assert answer.status_code == 400
    assert answer.json()["field"] == "project"
    assert mine(tenant) == []


def test_who_may_not_issue_pastes(tenant: Tenant) -> None:
    auditor = make_person()
    services.add_member(organization_id=tenant.organization.pk, actor="test", person=auditor, role="auditor")
    client = signed_in(auditor)
    page = client.get(f"{tenant.path}playground/").content.decode()
    assert "keys.issue" in page
    assert "data-paste" in page
    assert issued(client, tenant.path).status_code == 403


def test_the_page_shows_no_secret(tenant: Tenant) -> None:
    client = tenant.client()
    text = issued(client, tenant.path).json()["key"]
    page = client.get(f"{tenant.path}playground/").content.decode()
    assert text not in page
    assert text[4:] not in page


def test_a_call_with_the_pages_key_is_in_the_ledger(
    gateway: Gateway, make_tenant: Any, settings: Any
) -> None:
    made: Organization = make_tenant()
    person = make_person()
    services.add_member(organization_id=made.id, person=person, role="developer", actor="test")
    client, path = signed_in(person), f"/o/{made.slug}/"
    headers = {"Authorization": f"Bearer {issued(client, path, 'app').json()['key']}"}
    models = httpx2.get(f"{gateway.base_url}/models", headers=headers).json()["data"]
    assert "gpt-4o-mini" in {one["id"] for one in models}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    answer = httpx2.post(f"{gateway.base_url}/chat/completions", headers=headers, json=body)
    assert answer.status_code == 200
    refused = httpx2.post(f"{gateway.base_url}/embeddings", headers=headers, json={"model": "text-embedding-3-small", "input": "x"})  # fmt: skip
    assert refused.json()["error"]["code"] == "endpoint_not_allowed"
    (event,) = made.events()
    assert event["request_id"] == answer.headers["x-orbit-request-id"]
    assert event["key"].startswith("playground-")
    figures = client.get(f"{path}start/calls/{event['request_id']}/").json()
    assert figures["cost_nano"] == event["cost_nano"]


BODY = {
    "model": "fast",
    "messages": [{"role": "user", "content": 'It\'s "quoted"\n$HOME `x` ${y} </script> ü'}],
    "temperature": 0.5,
    "stop": ["\n"],
    "response_format": {"type": "json_schema", "json_schema": {"strict": True, "schema": None}},
    "stream": True,
}


def test_code_says_what_the_page_sends(tenant: Tenant) -> None:
    answer = tenant.client().post(
        f"{tenant.path}playground/code/", json.dumps(BODY), content_type="application/json"
    )
    texts: dict[str, str] = answer.json()
    wanted = {name: value for name, value in BODY.items() if name != "stream"}
    curl = shlex.split(texts["curl"].replace("\\\n", " "))
    assert json.loads(curl[curl.index("-d") + 1]) == wanted
    (create,) = [
        node
        for node in ast.walk(ast.parse(texts["python"]))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("completions.create")
    ]
    assert {one.arg: ast.literal_eval(one.value) for one in create.keywords} == wanted
    script = texts["javascript"]
    assert json.loads(script[script.index("create(") + 7 : script.index(");\nconsole")]) == wanted


@pytest.mark.parametrize("body", ["[]", "{", '"x"', "null"])
def test_code_of_what_is_no_request_is_refused_by_its_field(tenant: Tenant, body: str) -> None:
    answer = tenant.client().post(f"{tenant.path}playground/code/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["field"] == "body"


def test_names_that_are_no_words_of_python_are_left_out() -> None:
    python = as_code("http://x", {"model": "m", "evil=1)\nimport os #": 1})[1].text
    assert "evil" not in python
    ast.parse(python)


def test_strangers_meet_nothing(tenant: Tenant, outsider: Client) -> None:
    assert outsider.get(f"{tenant.path}playground/").status_code == 404
    assert issued(outsider, tenant.path).status_code == 404
    assert Client().get(f"{tenant.path}playground/").status_code == 302
    assert issued(Client(), tenant.path).status_code == 302
