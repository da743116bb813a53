"""The command line against a real gateway."""

from __future__ import annotations

import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from orbit.cli.main import main
from orbit.launcher.state import PROJECT
from tenants import services
from tenants.models import Organization
from tenants.rights import SCOPES, Right
from tests.gateway import Gateway

COMMAND = [sys.executable, "-m", "orbit.cli"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of standard output as one object."""
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Orbit:
    """`orbit("keys", "list")`, with an environment of its own, in this process: starting one takes the time of ten."""

    home: Path
    environ: dict[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.whole_environ(**environ), clear=True),
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                code = main(arguments)
            except SystemExit as error:  # argparse's way to refuse
                code = int(error.code or 0)
        return Said(code, out.getvalue(), err.getvalue())

    def process(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([*COMMAND, *arguments], env=self.whole_environ(), text=True, **options)

    def whole_environ(self, **environ: str) -> dict[str, str]:
        usual = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "XDG_CONFIG_HOME": str(self.home)}
        return usual | self.environ | environ

    @property
    def file(self) -> Path:
        return self.home / "orbit" / "profiles.json"


@pytest.fixture
def url(gateway: Gateway) -> str:
    return gateway.base_url.removesuffix("/v1")


@pytest.fixture
def stranger(tmp_path: Path) -> Orbit:
    """Nobody has logged in yet."""
    return Orbit(tmp_path / "config", {})


@pytest.fixture
def organization() -> Organization:
    return services.create_organization(slug=f"t-{secrets.token_hex(6)}", actor="test")


MakeKey = Callable[..., str]


@pytest.fixture
def make_key(organization: Organization) -> MakeKey:
    """A management key of the organization with these scopes, all when none are named."""

    def make(*scopes: str) -> str:
        name = f"k-{secrets.token_hex(4)}"
        wanted = scopes or [right.value for right in Right]
        _, text = services.issue_management_key(
            organization_id=organization.pk, name=name, scopes=wanted, actor="test"
        )
        return text

    return make


@pytest.fixture
def orbit(stranger: Orbit, url: str, make_key: MakeKey) -> Orbit:
    """With a key of the organization that opens everything there."""
    return Orbit(stranger.home, {"ORBIT_URL": url, "ORBIT_MANAGEMENT_KEY": make_key()})


@pytest.fixture
def operator_key() -> str:
    name = f"op-{secrets.token_hex(6)}"
    _, text = services.issue_operator_key(name=name, scopes=list(SCOPES), actor="test")
    return text


@pytest.fixture
def operator(stranger: Orbit, url: str, operator_key: str) -> Orbit:
    return Orbit(stranger.home, {"ORBIT_URL": url, "ORBIT_MANAGEMENT_KEY": operator_key})
