"""A server that answers everything with a page and status 200, as login pages and proxies do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import orjson
import pytest
from django.conf import settings

from tests.clients.books import calls
from tests.conftest import MakeTenant
from tests.gateway import running_gateway
from tests.proxy.conftest import Api, code_of
from tests.proxy.media import ENTRY, FORM, heard

PAGE = b"<html><script>alert(1)</script></html>"


class Page(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def pages() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_page_is_not_passed_on_whatever_was_asked_for(pages: int, make_tenant: MakeTenant) -> None:
    """Work may have been done: what was reserved is charged, and marked."""
    allowed = f"127.0.0.1:{pages}"
    settings.ORBIT_PRIVATE_TARGETS.append(allowed)
    account = {
        "name": "demo",
        "kind": "openai_compatible",
        "base_url": f"http://{allowed}/v1",
        "prices_as": "openai",
        "credential": {"value": "sk"},
    }
    tenant = make_tenant(entry={**ENTRY, "provider_accounts": [account]})
    speech = orjson.dumps({"model": "tts-1", "input": "Hello", "voice": "alloy"})
    picture = orjson.dumps({"model": "gpt-image-1", "prompt": "A cat"})
    words = orjson.dumps({"model": "gpt-3.5-turbo-instruct", "prompt": "Once"})
    environment = {"ORBIT_PRIVATE_TARGETS": f"{os.environ['ORBIT_PRIVATE_TARGETS']},{allowed}"}
    with (
        running_gateway(environment=environment) as gateway,
        httpx2.Client(base_url=gateway.base_url + "/", timeout=20, trust_env=False, verify=False) as http,
    ):
        api = Api(http, tenant.key)
        answers = [
            api.send("POST", "audio/speech", speech),
            api.send("POST", "images/generations", picture),
            api.send("POST", "completions", words),
            api.send("POST", "audio/transcriptions", heard(), FORM),
        ]
    for answer in answers:
        assert code_of(answer) == (502, "upstream_error")
        assert b"<" not in answer.content
    for event in calls(tenant, 4):
        assert (event["status"], event["usage_source"]) == ("provider_failed", "estimated")
        assert event["cost_nano"] > 0
    settings.ORBIT_PRIVATE_TARGETS.remove(allowed)
