"""Secrets planted wherever one can be given are in no table, store, log, page, answer, queue or file.

But for the answer that tells a new key once, and for what is there to read stored prompts. That the search would find them is shown first.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.urls.converters import IntConverter
from psycopg import sql

from audit.models import Content
from console.urls import urlpatterns
from orbit.demo.provider.process import ProviderHandle
from orbit.lib import access
from orbit.lib.store import client as store_client
from tests.canaries import Search, disguises
from tests.conftest import MakeTenant
from tests.console.conftest import signed_in
from tests.management import found_ids, paths
from tests.planting import Planted, Worker, plant, running_worker, secret
from tests.tenants.conftest import run

PAGES: list[Any] = [one for one in urlpatterns if "slug" in one.pattern.converters]
CONTROLS = ("control: slug", "control: id")  # no secrets: they are found wherever one looks
PLACES = {"table", "store", "worker", "page", "answer", "export"}
ROWS = 3  # of each table that the admin shows, the newest


@pytest.mark.parametrize("offset", range(3))
def test_each_disguise_is_found(offset: int) -> None:
    text = secret("x")
    raw = text.encode()
    for content in (
        raw,
        quote(text, safe="").encode(),
        json.dumps({"a": text}).encode(),
        json.dumps(json.dumps({"a": text})).encode(),
        raw.hex().encode(),
        base64.b64encode(b"." * offset + raw + b"..."),
        base64.urlsafe_b64encode(b"." * offset + raw + b"."),
        sha256(raw).hexdigest().encode(),
        sha256(raw).digest(),
        repr([text]).encode(),
        text[:14].encode(),
    ):
        search = Search({"x": text})
        search.look("place", b"before" + content + b"behind")
        assert search.found, content
        assert search.searched["place"] == len(content) + 12


def test_what_is_no_secret_is_not_found() -> None:
    text = secret("x")
    search = Search({"x": text})
    search.look("place", text[1:] + secret("x") + text[:11])
    assert not search.found


def test_disguises_differ_from_each_other() -> None:
    told = disguises("abcdefghijklmnopqrstuvwxyz0123456789")
    alike = ("raw", "URL", "form", "JSON", "JSON in JSON", "HTML", "repr")  # of what needs no escape
    assert len({told[name] for name in told if name not in alike}) >= 8


@pytest.fixture(scope="module")
def worker(provider: ProviderHandle) -> Iterator[Worker]:
    with tempfile.NamedTemporaryFile() as log, running_worker(Path(log.name)) as running:
        yield running


@pytest.fixture
def planted(make_tenant: MakeTenant, worker: Worker, provider: ProviderHandle) -> Planted:
    return plant(make_tenant, worker, provider.base_url)


@pytest.mark.full
def test_secrets_are_nowhere(planted: Planted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    tenant = planted.tenant
    controls = dict(zip(CONTROLS, (tenant.slug, str(tenant.id)), strict=True))
    search = Search(planted.secrets | controls)
    look_at_files(search, planted)  # journals end with what is in the ledger
    assert tenant.events()  # all that was on its way is in the ledger
    with access.operator():
        assert Content.objects.filter(organization_id=tenant.id).exists()  # else prompts were not stored
    look_at_tables(search)
    look_at_store(search)
    look_at_files(search, planted)
    look_at_pages(search, planted)
    look_at_forms(search, planted)
    look_at_answers(search, planted)
    look_at_exports(search, tenant.slug)
    search.look("log", caplog.text, "of this process")
    print(search.summary())
    assert {one for one in search.found if one[0] not in CONTROLS} == set()
    # else it was not looked through
    assert {place.split()[0] for name, _, place in search.found if name in CONTROLS} >= PLACES


def look_at_tables(search: Search) -> None:
    """Every row of every table as the database's owner dumps it; bytes come as hex."""
    server, path = (
        urlsplit(os.environ["ORBIT_TEST_ADMIN_URL"]),
        urlsplit(os.environ["DATABASE_OWNER_URL"]).path,
    )
    with psycopg.connect(urlunsplit(server._replace(path=path)), autocommit=True) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        assert len(names) > 40
        for (name,) in names:
            statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))
            with connection.cursor().copy(statement) as copy:
                search.look("table", b"".join(bytes(part) for part in copy), name)


def look_at_store(search: Search) -> None:
    """Every key of Redis with its value: counters, leases, streams of events, caches, Celery's queues and results."""
    store = store_client()
    reads: dict[bytes, Any] = {
        b"string": store.get,
        b"hash": store.hgetall,
        b"list": lambda key: store.lrange(key, 0, -1),
        b"set": store.smembers,
        b"zset": lambda key: store.zrange(key, 0, -1, withscores=True),
        b"stream": store.xrange,
        b"none": lambda key: None,  # expired meanwhile
    }
    for key in store.scan_iter(count=1000):
        kind: Any = store.type(key)
        for part in _parts([key, reads[kind](key)]):
            search.look("store", part, key.decode("utf-8", "replace"))


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _parts(list(value.items()))
    elif isinstance(value, list | tuple | set):
        for one in value:
            yield from _parts(one)


def look_at_files(search: Search, planted: Planted) -> None:
    """What the worker wrote: its log, its journal, its command line; and what the servers logged."""
    search.look("worker", planted.worker.log.read_bytes(), "log")
    own = Path(os.environ["ORBIT_DATA_DIR"])
    files = [
        one for one in own.rglob("*") if one.is_file() and one.parent.name != "outbox"
    ]  # mail has its reader
    assert any("journal" in str(one) for one in files)
    for file in files:
        search.look("worker", file.read_bytes(), f"file {file.name}")
    for file in own.parent.glob("*.log"):
        search.look("server", file.read_bytes(), file.name)
    for process in planted.worker.gateway.processes:
        search.look("worker", Path(f"/proc/{process.pid}/cmdline").read_bytes(), "command line")


def look_at_pages(search: Search, planted: Planted) -> None:
    """Every page of the organization, and the admin's lists, forms and histories of its newest rows."""
    client, event_id = signed_in(planted.owner), planted.tenant.events()[-1]["event_id"]
    for page in PAGES:
        if page.name == "call_content":
            continue  # it is for this
        given: dict[str, Any] = {
            name: 1 if isinstance(kind, IntConverter) else planted.tenant.id
            for name, kind in page.pattern.converters.items()
        }
        given |= {"slug": planted.tenant.slug} | ({"event_id": event_id} if "event_id" in given else {})
        address = reverse(page.name, kwargs=given)
        for answer in (client.get(address), client.post(address, {})):
            search.look("page", content_of(answer), address)
    for address in _admin_pages():
        search.look("page", content_of(client.get(address)), address)


def _admin_pages() -> Iterator[str]:
    for model in admin.site._registry:
        where = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        with access.operator():
            keys = list(model._default_manager.order_by("-pk").values_list("pk", flat=True)[:ROWS])
        yield reverse(f"{where}_changelist")
        for key in keys:
            yield reverse(f"{where}_change", args=[key])
            yield reverse(f"{where}_history", args=[key])


def content_of(answer: Any) -> bytes:
    """Also of a file, which comes in parts."""
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def look_at_forms(search: Search, planted: Planted) -> None:
    """Forms that are shown again because something in them was wrong, with the password that was typed."""
    password = planted.secrets["password"]
    forms: dict[str, dict[str, str]] = {
        "account_login": {"login": planted.owner.email, "password": f"{password}!"},
        "account_signup": {"email": "no address", "password1": password, "password2": f"{password}?"},
        "account_change_password": {"oldpassword": f"{password}!", "password1": password, "password2": "x"},
        "admin:tenants_person_add": {
            "email": "no address",
            "password1": password,
            "password2": f"{password}?",
        },
    }
    for name, form in forms.items():
        client = Client() if name in ("account_login", "account_signup") else signed_in(planted.owner)
        answer = client.post(reverse(name), form)
        assert answer.status_code == 200, name
        search.look("page", answer.content, name)


def look_at_answers(search: Search, planted: Planted) -> None:
    """Everything that the API can be asked for by either kind of key, and its refusals of what holds a secret."""
    client, operator = (Client(headers=planted.headers(one)) for one in ("management key", "operator key"))
    body = dict.fromkeys(("credential", "secret", "password"), planted.secrets["credential"])
    for path, operations in paths().items():
        if path.endswith("/calls/{call}/content"):
            continue  # it is for this
        address = path.format_map(_Given(found_ids(client, planted.tenant.slug, path)))
        for method in operations:
            if method == "get":
                for asked in (client, operator):
                    search.look("answer", content_of(asked.get(address)), path)
            elif method != "delete":
                answer = getattr(client, method)(address, body, content_type="application/json")
                assert answer.status_code >= 400 or not operations[method].get("requestBody"), path
                search.look("answer", content_of(answer), path)


class _Given(dict[str, Any]):
    """An id of nothing where none is known."""

    def __missing__(self, name: str) -> str:
        return str(UUID(int=0))


def look_at_exports(search: Search, slug: str) -> None:
    for command in (
        ("export", "--organization", slug),
        ("ledger", "export", "--organization", slug),
        ("usage", "--organization", slug, "--by", "key,account", "--json"),
    ):
        search.look("export", run(*command).out, command[0])
