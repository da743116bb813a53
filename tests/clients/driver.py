"""A client library in a process of its own: a line of JSON says what to ask, a line says what came."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tests.gateway import ROOT

PATIENCE_S = 300  # a driver that takes longer hangs; LiteLLM takes long to import on a busy machine
# What a library would otherwise fetch or send by itself.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Answer:
    """`value` is what the library gave, or `error` what it raised; `sent` counts the requests that it made."""

    value: dict[str, Any]
    error: dict[str, Any]
    sent: int


class Driver:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.unread = b""

    def ask(self, library: str, case: str, **fields: Any) -> Answer:
        assert self.process.stdin
        self.process.stdin.write(orjson.dumps({"library": library, "case": case, **fields}) + b"\n")
        self.process.stdin.flush()
        answer = orjson.loads(self._line())
        return Answer(answer.get("value") or {}, answer.get("error") or {}, answer["sent"])

    def _line(self) -> bytes:
        assert self.process.stdout
        deadline = time.monotonic() + PATIENCE_S
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the driver hangs"
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, "the driver has stopped"
            self.unread += piece
        line, self.unread = self.unread.split(b"\n", 1)
        return line


@contextmanager
def running_driver(command: Sequence[str]) -> Iterator[Driver]:
    """With nothing of our own environment that could point a library elsewhere."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env={**environment, **QUIET}
    )
    try:
        yield Driver(process)
    finally:
        process.kill()
        process.communicate()
