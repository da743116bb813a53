"""Debian's Prometheus: its checker, and a server that reads a gateway."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from orbit.launcher.state import PROJECT

RULES = PROJECT / "deploy/prometheus"
# .ci/run installs it, and a skipped test fails there
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="no Prometheus: apt-get install prometheus",
)


def promtool(*arguments: str) -> str:
    ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def load(name: str) -> Any:
    return yaml.safe_load((RULES / name).read_text())


@dataclass(frozen=True)
class Server:
    http: httpx2.Client

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Rows of an instant query; an error of Prometheus fails the test."""
        asked = {"query": expression, **({"time": str(at)} if at else {})}
        answer = self.http.get("api/v1/query", params=asked).json()
        assert answer["status"] == "success", (expression, answer)
        rows: list[dict[str, Any]] = answer["data"]["result"]
        return rows

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("api/v1/alerts").json()["data"]["alerts"]
        return found


@contextmanager
def running_prometheus(folder: Path, targets: list[str], given: Any = None) -> Iterator[Server]:
    """With our rules, looking every second; by our configuration for one host, or the one that is given."""
    config = given or load("prometheus.yml")
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    config["rule_files"] = [str(RULES / name) for name in config["rule_files"]]
    config["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/", trust_env=False, timeout=10) as http:
            _wait_ready(http, folder / "log")
            yield Server(http)
    finally:
        process.terminate()
        process.wait(20)


def _wait_ready(http: httpx2.Client, log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if http.get("-/ready").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
