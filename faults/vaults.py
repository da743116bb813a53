"""A real OpenBao that can go away and come back with what it had."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from orbit.launcher import embedded
from tests.openbao import BINARY, OpenBao

CONFIG = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
"""
PATH = "orbit/faults"
REF = f"vault://secret/{PATH}#api_key"


class Vault:
    """`REF` is what it keeps: a credential that the demo provider takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, cluster = embedded.free_ports(2)
        (folder / "data").mkdir()
        (folder / "bao.hcl").write_text(CONFIG.format(folder=folder, port=self._port, cluster=cluster))
        self._server = OpenBao(self._port, self._begun())
        self._server.begin()
        self._server.put(PATH, api_key="sk-demo-kept")
        self._server.allow("gateway", "secret/data/orbit/*")
        self._server.ask("POST", "sys/auth/gateway", {"type": "approle"})
        self._role = "auth/gateway/role/orbit"
        self._server.ask("POST", self._role, {"token_policies": ["gateway"], "token_ttl": "1h"})

    def environment(self) -> dict[str, str]:
        """With which the gateway logs in."""
        return {
            "ORBIT_VAULT_ADDR": self._server.url,
            "ORBIT_VAULT_AUTH": "approle",
            "ORBIT_VAULT_AUTH_MOUNT": "gateway",
            "ORBIT_VAULT_ROLE": self._server.ask("GET", f"{self._role}/role-id")["data"]["role_id"],
            "ORBIT_VAULT_SECRET_ID": self._server.ask("POST", f"{self._role}/secret-id", {})["data"][
                "secret_id"
            ],
        }

    def start(self) -> None:
        """And opens it, as an operator or a seal of its own would."""
        self._server.process = self._begun()
        self._server.wait_listening()
        self._server.unseal()

    def stop(self) -> None:
        self._server.process.kill()
        self._server.process.wait()

    def _begun(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(BINARY), "server", f"-config={self._folder / 'bao.hcl'}"],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
            )


@contextmanager
def running_vault() -> Iterator[Vault]:
    with TemporaryDirectory(prefix="orbit-vault-") as folder:
        vault = Vault(Path(folder))
        try:
            yield vault
        finally:
            vault.stop()
