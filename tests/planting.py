"""A tenant that is given secrets in every way there is, and a worker that meets them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.test import Client

from tenants import services
from tenants.apply import apply
from tenants.models import Person
from tenants.rights import SCOPES, Right
from tests.conftest import MakeTenant, Tenant
from tests.gateway import Gateway, running_gateway

# How a call may go, as the demo provider is told; the first and the last end well.
WAYS = (
    "",
    "status=503",
    "status=401",
    "status=400",
    "html_error",
    "cut_after_bytes=200",
    "error_after_chunks=1",
    "usage=string",
    "echo",
)


def secret(kind: str) -> str:
    """Its first characters say nothing that could stand elsewhere; its others need to be escaped."""
    return f"{secrets.token_hex(8)}-{kind}/+&\"'<é>?{secrets.token_hex(8)}"


def credential(kind: str) -> str:
    """The same as a header can carry it, and as the demo provider takes it."""
    return "sk-demo-" + secret(kind).replace("é", "e").replace('"', "")


@dataclass
class Worker:
    """It writes down all it ever would."""

    gateway: Gateway
    log: Path
    environment: dict[str, str] = field(repr=False)


@contextmanager
def running_worker(log: Path) -> Iterator[Worker]:
    """With a credential in its environment."""
    given = {"CANARY_PROVIDER_KEY": credential("environment")}
    with (
        open(log, "wb") as file,
        running_gateway(environment={**given, "ORBIT_LOG_LEVEL": "DEBUG"}, log=file) as gateway,
    ):
        yield Worker(gateway, log, given)


@dataclass
class Planted:
    """`secrets` by what they are; `headers` are those of the tenant's management key."""

    tenant: Tenant
    owner: Person
    worker: Worker
    secrets: dict[str, str] = field(repr=False)

    def headers(self, whose: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets[whose]}"}


def plant(make_tenant: MakeTenant, worker: Worker, base_url: str) -> Planted:
    told = {
        **worker.environment,
        "former credential": credential("former"),
        "credential": credential("credential"),
        "password": secret("password"),
    }
    tenant = _with_credentials(make_tenant, base_url, told)
    where: dict[str, Any] = {"organization_id": tenant.id, "actor": "test"}
    owner = Person.objects.create_superuser(f"{tenant.slug}@example.org", told["password"])
    services.add_member(**where, person=owner, role="owner")
    told["issued key"] = tenant.key
    for name in ("management key", "spare key"):  # whoever looks for one to revoke finds the last
        _, told[name] = services.issue_management_key(
            **where, name=name.replace(" ", "-"), scopes=list(Right)
        )
    _, told["operator key"] = services.issue_operator_key(name=tenant.slug, scopes=list(SCOPES), actor="test")
    _, told["invitation"] = services.invite(**where, email=f"new-{tenant.slug}@example.org", role="auditor")
    planted = Planted(tenant, owner, worker, told)
    told |= _keys_by_api(planted) | _of_the_installation() | _prompts(planted)
    assert all(len(text) > 20 for text in told.values())
    return planted


def _with_credentials(make_tenant: MakeTenant, base_url: str, told: dict[str, str]) -> Tenant:
    """One account with a sealed credential that replaced another, one whose credential is in the environment."""
    account = {"kind": "openai_compatible", "base_url": base_url, "prices_as": "openai"}
    accounts = [
        {"name": "demo", **account, "credential": {"value": told["former credential"]}},
        {"name": "env", **account, "credential": {"ref": "env://CANARY_PROVIDER_KEY"}},
    ]
    models = [
        {"alias": one, "targets": [{"account": one, "model": "gpt-4o-mini"}], "retries": 0}
        for one in ("demo", "env")
    ]
    # prompts and answers stored, which must show in one place alone
    tenant = make_tenant({"provider_accounts": accounts, "models": models}, audit={"content": "full"})
    accounts[0]["credential"] = {"value": told["credential"]}
    entry = {**tenant.document, "provider_accounts": accounts}
    assert apply({"version": 1, "organizations": [entry]}, actor="test").changed
    return tenant


def _keys_by_api(planted: Planted) -> dict[str, str]:
    """A key that was issued by the API, told to two requests under one idempotency key, and then rotated."""
    client = Client(headers=planted.headers("management key"))
    path = f"/api/v1/organizations/{planted.tenant.slug}/keys"
    body = {"project": "app", "name": "second"}
    once = {"Idempotency-Key": "once"}
    made, again = (
        client.post(path, body, content_type="application/json", headers=once).json() for _ in range(2)
    )
    assert made["secret"] == again["secret"]
    rotated = client.post(f"{path}/{made['id']}/rotate", {}, content_type="application/json").json()
    return {"key of the API": made["secret"], "rotated key": rotated["secret"]}


def _of_the_installation() -> dict[str, str]:
    names = ("ORBIT_SECRET_KEY", "ORBIT_KEY_PEPPER", "ORBIT_MASTER_KEY")
    password = urlsplit(os.environ["DATABASE_URL"]).password or ""
    return {"DATABASE_URL": password, **{name: os.environ[name] for name in names}}


def _prompts(planted: Planted) -> dict[str, str]:
    """Of calls that end well and in every kind of failure, with a good key, a wrong one, and a body that is none."""
    told: dict[str, str] = {}
    for number, way in enumerate(WAYS):
        for stream in (False, True):
            text = told[f"prompt {way or 'plain'}{' streamed' * stream}"] = secret("prompt")
            content = f"{text} [[orbit-demo: {way} tokens=3]]" if way else text
            body = {"model": ("demo", "env")[number % 2], "stream": stream, **_saying(content)}
            status = _post(planted, body)
            assert (status == 200) or way not in (WAYS[0], WAYS[-1]), (way, status)
    told["prompt to no model"] = secret("prompt")
    nowhere = {"model": "none", **_saying(told["prompt to no model"])}
    assert _post(planted, nowhere) == 404
    told["wrong key"] = f"orb_{secrets.token_hex(24)}"
    assert _post(planted, nowhere, told["wrong key"]) == 401
    told["broken body"] = credential("broken")
    assert _post(planted, f'{{"model": "demo", "messages": "{told["broken body"]}'.encode()) == 400
    return told


def _saying(content: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def _post(planted: Planted, body: Any, key: str = "") -> int:
    headers = {"authorization": f"Bearer {key or planted.tenant.key}", "content-type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = f"{planted.worker.gateway.base_url}/chat/completions"
    try:
        return httpx2.post(address, content=content, headers=headers, timeout=30).status_code
    except httpx2.HTTPError:
        return 0  # broken off, as was asked for
