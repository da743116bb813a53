"""nanoidp, an OpenID provider, as a process of its own. `assign` is what its administrator does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

CLIENT_ID = "orbit"
CLIENT_SECRET = "nanoidp-canary-8c41d7"
PASSWORD = "nanoidp-password"
_START_S = 30


@dataclass
class NanoIdp:
    folder: Path
    port: int
    users: dict[str, Any] = field(default_factory=dict)
    redirect_uris: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def assign(self, name: str, email: str, *groups: str) -> None:
        """The person has exactly these groups from now on."""
        self.users[name] = {"password": PASSWORD, "email": email, "groups": list(groups)}
        self.write()
        self._ask("POST", "/api/config/reload")

    def allow(self, redirect_uri: str) -> None:
        self.redirect_uris.append(redirect_uri)
        self.write()
        self._ask("POST", "/api/config/reload")

    def write(self) -> None:
        """JSON is YAML."""
        client = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": self.redirect_uris or ["http://127.0.0.1:9/"],
        }
        oauth = {"issuer": self.issuer, "audience": CLIENT_ID, "clients": [client]}
        server = {"host": "127.0.0.1", "port": self.port}
        settings = {"config_version": 1, "server": server, "oauth": oauth}
        (self.folder / "settings.yaml").write_text(json.dumps(settings))
        (self.folder / "users.yaml").write_text(json.dumps({"config_version": 1, "users": self.users}))

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self._ask("GET", "/.well-known/openid-configuration")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"nanoidp did not start:\n{(self.folder / 'log').read_text()}")

    def _ask(self, method: str, path: str) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
        finally:
            connection.close()


@contextmanager
def running_nanoidp() -> Iterator[NanoIdp]:
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
        found.close()
        provider = NanoIdp(Path(name), port)
        provider.users["nobody"] = {"password": PASSWORD}
        provider.write()
        argv = [sys.executable, "-m", "nanoidp", "--config", name]
        environ = {"PATH": os.environ["PATH"], "HOME": name}
        with open(provider.folder / "log", "wb") as log:
            process = subprocess.Popen(argv, env=environ, cwd=name, stdout=log, stderr=log)
            try:
                provider.wait(process)
                yield provider
            finally:
                process.kill()
                process.wait()
