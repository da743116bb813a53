"""The process: a plain server on a loopback port that answers one admin key."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import anthropic_reports, openai_reports, openrouter_reports
from .buckets import BadRequest, NotFound
from .scenario import Scenario

REPORTS: dict[str, Any] = {
    "/v1/organization/usage/completions": openai_reports.usage,
    "/v1/organization/usage/embeddings": openai_reports.empty,
    "/v1/organization/costs": openai_reports.costs,
    "/v1/organizations/usage_report/messages": anthropic_reports.usage,
    "/v1/organizations/cost_report": anthropic_reports.costs,
    "/api/v1/activity": openrouter_reports.activity,
    "/api/v1/generation": openrouter_reports.generation,
}
OF_CALLS = ("/api/v1/generation",)  # what takes the key that calls were made with


class Bills:
    """The scenario as its file is now, and what was asked so far."""

    def __init__(self, path: Path, refuse_every: int) -> None:
        self.path, self.refuse_every = path, refuse_every
        self.lock = threading.Lock()
        self.read_at, self.scenario = 0.0, Scenario("")
        self.asked, self.refused, self.at_once, self.most_at_once = 0, 0, 0, 0

    def current(self) -> Scenario:
        changed = self.path.stat().st_mtime
        if changed != self.read_at:
            self.read_at, self.scenario = changed, Scenario.read(self.path)
        return self.scenario

    def begin(self) -> bool:
        """Whether this one is to be refused."""
        with self.lock:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            refuse = bool(self.refuse_every) and self.asked % self.refuse_every == 0
            self.refused += refuse
            return refuse

    def end(self) -> None:
        with self.lock:
            self.at_once -= 1

    def summary(self) -> dict[str, int]:
        return {"asked": self.asked, "refused": self.refused, "most_at_once": self.most_at_once}


class Handler(BaseHTTPRequestHandler):
    bills: Bills
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path == "/__summary":
            self._answer(200, self.bills.summary())
            return
        refuse = self.bills.begin()
        try:
            found = self._report(path.path, parse_qs(path.query), refuse)
        finally:
            self.bills.end()
        self._answer(*found)

    def _report(
        self, path: str, query: dict[str, list[str]], refuse: bool
    ) -> tuple[int, Any, dict[str, str]]:
        report, scenario = REPORTS.get(path), self.bills.current()
        if report is None:
            return 404, _error("no such report"), {}
        if not self._may(scenario.call_secret if path in OF_CALLS else scenario.secret):
            return 401, _error("this takes an admin key"), {}
        if refuse:
            return 429, _error("too many requests"), {"Retry-After": "0"}
        try:
            return 200, report(scenario, query), {}
        except NotFound as error:
            return 404, _error(str(error)), {}
        except (BadRequest, ValueError) as error:
            return 400, _error(str(error)), {}

    def _may(self, secret: str) -> bool:
        given = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
        return given == secret

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        pass


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


def serve(path: Path, port: int, refuse_every: int, parent: int | None) -> int:
    handler = type("Handler", (Handler,), {"bills": Bills(path, refuse_every)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    print(f"bills on http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=_until_orphaned, args=(server, parent), daemon=True).start()
    server.serve_forever(0.1)
    return 0


def _until_orphaned(server: ThreadingHTTPServer, parent: int | None) -> None:
    while parent in (None, os.getppid()):
        time.sleep(0.5)
    server.shutdown()
