"""A collector of OTLP traces over HTTP and protobuf: `python -m tests.collector FOLDER TOKEN`.

It writes each span as a line of `spans.jsonl`, and what was wrong with a request to `faults`. A file `away` in the folder
makes it answer 503.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "Bearer collector-token"


@dataclass
class Collector:
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def spans(self) -> list[dict[str, Any]]:
        path = self.folder / "spans.jsonl"
        assert not (self.folder / "faults").exists(), (self.folder / "faults").read_text()
        # a line that is being written has no end yet
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def trace(self, request_id: str, count: int) -> list[dict[str, Any]]:
        """All spans of a request's trace, when there are `count`; they are sent within seconds."""
        deadline = time.monotonic() + 30
        while True:
            found = self.spans()
            ids = {
                one["trace_id"] for one in found if one["attributes"].get("orbit.request_id") == request_id
            }
            mine = [one for one in found if one["trace_id"] in ids]
            if len(mine) >= count:
                return sorted(mine, key=lambda one: int(one["start"]))
            assert time.monotonic() < deadline, f"{len(mine)} of {count} spans: {mine}"
            time.sleep(0.05)


@contextmanager
def running_collector(folder: Path) -> Iterator[Collector]:
    argv = [sys.executable, "-m", "tests.collector", str(folder), TOKEN]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Collector(int(process.stdout.readline()), folder)
    finally:
        process.terminate()
        process.communicate(timeout=10)


class Handler(BaseHTTPRequestHandler):
    folder: Path
    token: str

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if (self.folder / "away").exists():
            self._answer(503, b"")
            return
        wrong = [
            name
            for name, given, wanted in (
                ("path", self.path, "/v1/traces"),
                ("authorization", self.headers.get("authorization"), self.token),
                ("content-type", self.headers.get("content-type"), "application/x-protobuf"),
            )
            if given != wanted
        ]
        if wrong:
            (self.folder / "faults").write_text(" ".join(wrong))
        with (self.folder / "bodies").open("ab") as bodies:
            bodies.write(content)
        with (self.folder / "spans.jsonl").open("a") as out:
            out.write("".join(f"{json.dumps(one)}\n" for one in decoded(content)))
        self._answer(200, ExportTraceServiceResponse().SerializeToString())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def decoded(content: bytes) -> Iterator[dict[str, Any]]:
    said = ExportTraceServiceRequest.FromString(content)
    for of_resource in said.resource_spans:
        resource = _values(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for one in of_scope.spans:
                yield {
                    "name": one.name,
                    "kind": one.kind,
                    "trace_id": one.trace_id.hex(),
                    "span_id": one.span_id.hex(),
                    "parent_id": one.parent_span_id.hex(),
                    "state": one.trace_state,
                    "start": str(one.start_time_unix_nano),
                    "end": str(one.end_time_unix_nano),
                    "attributes": _values(one.attributes),
                    "events": {event.name: str(event.time_unix_nano) for event in one.events},
                    "failed": one.status.code == 2,
                    "error": one.status.message,
                    "service": resource["service.name"],
                    "scope": of_scope.scope.name,
                }


def _values(pairs: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


if __name__ == "__main__":
    Handler.folder, Handler.token = Path(sys.argv[1]), sys.argv[2]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
