"""docs/guides/scripting.md, run as it stands: by a shell, against a gateway, with the demo provider behind it."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import stat
import subprocess
from pathlib import Path

import httpx2
import pytest

from audit.tasks import write_ledger
from orbit.demo.provider.process import ProviderHandle
from orbit.launcher.state import PROJECT
from orbit.lib import access
from quotas.tasks import price_new_models
from tenants.models import Organization
from tests.cli.conftest import COMMAND

GUIDE = (PROJECT / "docs/guides/scripting.md").read_text()
CANARY = "sk-demo-canary-81b7c3d05f2e"


class Shell:
    """One after the other as in one terminal: what was exported stays."""

    def __init__(self, folder: Path, url: str, provider: ProviderHandle) -> None:
        self.folder = folder
        self.slug = f"t-{secrets.token_hex(6)}"
        self.said = ""
        self._exported = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(PROJECT),
            "ORBIT_URL": url,
            "PROVIDER_URL": provider.base_url,
        }

    def run(self, block: str) -> None:
        script = f'orbit() {{ {shlex.join(COMMAND)} "$@"; }}\nset -euo pipefail\n{block.replace("acme", self.slug)}\nenv -0 > .env'
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self._exported, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        self.said += done.stdout + done.stderr
        lines = (self.folder / ".env").read_text().split("\0")
        self._exported = dict(line.split("=", 1) for line in lines if line)


@pytest.fixture
def shell(tmp_path: Path, url: str, provider: ProviderHandle, operator_key: str) -> Shell:
    for name, text in (("operator.key", operator_key), ("provider.key", CANARY)):
        (tmp_path / name).write_text(f"{text}\n")
    return Shell(tmp_path, url, provider)


def test_guide_leads_to_a_call_that_is_counted(shell: Shell, url: str, operator_key: str) -> None:
    before, after = GUIDE.split("## The first call\n")
    for block in _blocks(before):
        shell.run(block)
    with access.operator():
        organization = Organization.objects.get(slug=shell.slug)
    price_new_models()  # as the task worker does, of which there is none here
    key = (shell.folder / "production.key").read_text().strip()
    answer = httpx2.post(
        f"{url}/v1/chat/completions",
        json={"model": "fast", "messages": [{"role": "user", "content": "Say hello."}]},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200
    write_ledger()
    for block in _blocks(after):
        shell.run(block)
    assert organization.time_zone == "Europe/Berlin"
    assert "chatbot/production" in shell.said
    assert "Nothing to change." in shell.said
    _told_no_secret(shell, key, operator_key)


def _blocks(text: str) -> list[str]:
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found


def _told_no_secret(shell: Shell, key: str, operator_key: str) -> None:
    pipeline = (shell.folder / "pipeline.key").read_text().strip()
    for secret in (key, pipeline, operator_key, CANARY):
        assert secret not in shell.said
    for name in ("production.key", "pipeline.key"):
        assert stat.S_IMODE((shell.folder / name).stat().st_mode) == 0o600
