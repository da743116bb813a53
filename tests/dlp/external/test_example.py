"""The receiver that docs/inspectors.md shows works as it stands there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dlp.external.base import Question
from dlp.external.client import Client, Spent, Unanswered, Where
from orbit.launcher.state import PROJECT
from orbit.lib.egress import CLIENTS, Egress
from orbit.lib.exchange import Timeouts
from tests.inspectors import WHSEC


@dataclass
class Example:
    port: int


@pytest.fixture
def example() -> Iterator[Example]:
    (code,) = re.findall(r"```python\n(.*?)```", (PROJECT / "docs/inspectors.md").read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 26
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {**os.environ, "SECRET": WHSEC, "PORT": str(port)}
    with subprocess.Popen([sys.executable, "-c", code], env=given, stderr=subprocess.DEVNULL) as running:
        try:
            _wait(port)
            yield Example(port)
        finally:
            running.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("the example does not listen")


async def test_it_finds_what_it_looks_for_and_refuses_other_secrets(example: Example) -> None:
    times = Timeouts(5, 5, 5, 5)
    egress = Egress([f"127.0.0.1:{example.port}"], times, CLIENTS["wire"])
    where = Where("1", "own", "webhook", f"http://127.0.0.1:{example.port}", {})
    question = Question(["of 🙂 EMP-123456", "nobody"], ["user", "user"], "r", "acme", "default@1", "request")
    client = Client(egress, most=1)
    found, nothing = await client.find(where, WHSEC, question, 5, Spent())
    assert [one.finding.value(question.texts[0]) for one in found] == ["EMP-123456"]
    assert nothing == []
    with pytest.raises(Unanswered) as refused:
        await client.find(where, "whsec_" + "b3RoZXIx" * 5, question, 5, Spent())
    assert refused.value.why == "refused"
    await egress.close()
