"""No module opens connections past `orbit.lib.egress`; `make check` says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbit.launcher import hygiene
from orbit.launcher.outbound import ALLOWED, outbound_faults
from orbit.launcher.state import PROJECT


def test_there_is_one_way_out_of_our_code() -> None:
    assert list(outbound_faults(PROJECT)) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A tree in which just what is permitted is done where it is permitted."""
    for name in ALLOWED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("import httpx2\n")
    (tmp_path / "proxy").mkdir()
    assert list(outbound_faults(tmp_path)) == []
    return tmp_path


@pytest.mark.parametrize(
    "planted",
    [
        "import httpx2", "import httpx as client", "from httpx import AsyncClient", "import requests.sessions",
        "from aiohttp import ClientSession", "import urllib.request", "from urllib import request",
        "from urllib.request import urlopen", "import http.client", "from http import client",
        "from http.client import HTTPSConnection", "import urllib3", "import asyncio\nasyncio.open_connection",
        "from asyncio import open_connection", "import socket\nsocket.create_connection(('h', 1))",
        "from socket import create_connection", "async def f(loop):\n    await loop.create_connection(P, 'h', 1)",
        "import importlib\nimportlib.import_module('httpx')", "__import__('requests')",
        "def late():\n    import httpx2",
    ],
)  # fmt: skip
def test_another_client_is_found(project: Path, planted: str) -> None:
    (project / "proxy" / "planted.py").write_text(planted + "\n")
    [fault] = outbound_faults(project)
    assert fault.startswith("proxy/planted.py:")


@pytest.mark.parametrize(
    "innocent",
    [
        "from urllib.parse import urlsplit", "import http", "from http import HTTPStatus", "import socket",
        "from django.db.models.signals import post_save\npost_save.connect(print)", "from . import requests",
        "from orbit.lib.egress import Egress",
    ],
)  # fmt: skip
def test_what_opens_nothing_is_not_found(project: Path, innocent: str) -> None:
    (project / "proxy" / "innocent.py").write_text(innocent + "\n")
    assert list(outbound_faults(project)) == []


def test_a_permission_that_nobody_needs_is_found(project: Path) -> None:
    (project / "orbit/launcher/installation.py").write_text("")
    assert list(outbound_faults(project)) == [
        "orbit/launcher/outbound.py: orbit/launcher/installation.py needs no permission"
    ]


def test_make_check_fails_on_another_client(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "proxy" / "planted.py").write_text("import httpx\n")
    monkeypatch.setattr(hygiene, "PROJECT", project)
    for other in ("requirement_faults", "clients_faults", "node_faults", "machine_faults"):
        monkeypatch.setattr(hygiene, other, lambda *_: [])
    with pytest.raises(SystemExit) as ended:
        hygiene.main()
    assert ended.value.code == 1
    assert "proxy/planted.py:1: httpx" in capsys.readouterr().err
