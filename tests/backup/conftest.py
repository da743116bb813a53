"""One installation with calls in its ledger and a backup of it, made while its gateway ran; tests restore it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from orbit.demo.provider.process import ProviderHandle
from tests.backup.installation import Installation, installation
from tests.gateway import running_gateway

SOURCE, TARGET = 40, 41  # numbers of the store that no worker of the suite has


@dataclass(frozen=True)
class BackedUp:
    installation: Installation
    path: Path
    keys: Path
    key: str  # an issued one, with a limit of 5 calls a day, 3 of them made before the backup


def call(base_url: str, key: str) -> int:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "[[orbit-demo: tokens=7]] hi"}]}
    return httpx2.post(
        f"{base_url}/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}, timeout=30
    ).status_code


def numbers() -> tuple[int, int]:
    """Of the store, apart for each worker of the suite."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return SOURCE + 2 * int(worker), TARGET + 2 * int(worker)


@pytest.fixture(scope="module")
def backed_up(provider: ProviderHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackedUp]:
    folder = tmp_path_factory.mktemp("backup")
    with installation(folder / "source", number=numbers()[0], schema=True) as source:
        key = source.apply(_document(provider.base_url))
        with running_gateway(environment=source.environment) as gateway:
            assert [call(gateway.base_url, key) for _ in range(3)] == [200, 200, 200]
            source.write_ledger()
            said = source.run("backup", "--to", str(folder / "one.tar"))
        assert "1 organizations" in said
        assert "1 checkpoints" in said
        yield BackedUp(source, folder / "one.tar", folder / "one.tar.keys", key)


@pytest.fixture
def empty(tmp_path: Path, backed_up: BackedUp) -> Iterator[Installation]:
    """As a new machine has it, with the old one's secrets."""
    with installation(
        tmp_path / "target", number=numbers()[1], schema=False, like=backed_up.installation
    ) as made:
        yield made


@pytest.fixture
def foreign(tmp_path: Path, backed_up: BackedUp) -> Iterator[Installation]:
    """Empty, with secrets of its own."""
    with installation(tmp_path / "foreign", number=numbers()[1], schema=False) as made:
        yield made


def _document(provider_url: str) -> dict[str, object]:
    organization = {
        "slug": "acme",
        "name": "Acme",
        "provider_accounts": [
            {
                "name": "demo",
                "kind": "openai_compatible",
                "base_url": provider_url,
                "prices_as": "openai",
                "credential": {"value": "sk-demo-tests"},
            }
        ],
        "models": [
            {"alias": "gpt-4o-mini", "targets": [{"account": "demo", "model": "gpt-4o-mini"}], "retries": 0}
        ],
        "policies": [
            {"name": "default", "limits": [{"name": "daily", "meter": "requests", "per": "day", "limit": 5}]}
        ],
        "policy": "default",
        "projects": [{"slug": "app", "name": "App", "keys": [{"name": "main"}]}],
    }
    return {"version": 1, "organizations": [organization]}
