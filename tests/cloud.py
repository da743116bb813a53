"""Stands-in for the clouds' secret stores, each a process of its own: moto for AWS, a fake of the protocol for Azure."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.azure import IDENTITY_HEADER

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Cloud:
    """`environment` is what the cloud's SDK looks for where a gateway runs."""

    port: int
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tell(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """What a test says to the stand-in itself."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), dict(headers or {}))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, (path, answer.status, content)
        return json.loads(content) if content else None


@contextmanager
def _running(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[Cloud]:
    process = subprocess.Popen(
        [sys.executable, *command], cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield Cloud(port, process, environment)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running_aws() -> Iterator[Cloud]:
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIATESTS",
        "AWS_SECRET_ACCESS_KEY": "aws-canary-4d2c",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with _running(["-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port, environment) as cloud:
        yield cloud


@dataclass(frozen=True)
class Azure(Cloud):
    vault_url: str
    ca_file: str


@contextmanager
def running_azure(folder: Path) -> Iterator[Azure]:
    port, tls_port = free_port(), free_port()
    environment = {
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/msi/token",
        "IDENTITY_HEADER": IDENTITY_HEADER,
    }
    command = ["-m", "tests.azure", str(folder), str(port), str(tls_port)]
    with _running(command, port, environment) as cloud:
        vault_url, ca_file = f"https://127.0.0.1:{tls_port}", str(folder / "127.0.0.1.pem")
        yield Azure(cloud.port, cloud.process, cloud.environment, vault_url, ca_file)
