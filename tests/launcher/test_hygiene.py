"""The checks of lock files: everything by hash, nothing with an address, all that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orbit.launcher.hygiene import clients_faults, node_faults
from orbit.launcher.state import PROJECT

GOOD: dict[str, Any] = {
    "": {"dependencies": {"openai": "7.59.0"}},
    "node_modules/openai": {"version": "7.59.0", "integrity": "sha512-abc"},
}


def _node(folder: Path, packages: dict[str, Any]) -> list[str]:
    (folder / "package.json").write_text(json.dumps({"dependencies": {"openai": "7.59.0"}}))
    (folder / "package-lock.json").write_text(json.dumps({"packages": packages}))
    return list(node_faults(folder))


def test_own_lock_files_of_the_clients_are_in_order() -> None:
    assert list(clients_faults(PROJECT / "requirements")) == []
    assert list(node_faults(PROJECT / "tests" / "clients" / "node")) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"integrity": "sha512-abc", "resolved": "https://npm.example.com/openai.tgz"}, "names a registry"),
        ({"version": "7.59.0"}, "no hash for node_modules/openai"),
    ],
)
def test_package_with_an_address_or_without_a_hash_is_found(
    tmp_path: Path, entry: dict[str, str], fault: str
) -> None:
    assert _node(tmp_path, GOOD) == []
    [found] = _node(tmp_path, {**GOOD, "node_modules/openai": entry})
    assert fault in found


def test_lock_of_another_package_json_is_found(tmp_path: Path) -> None:
    [found] = _node(tmp_path, {**GOOD, "": {"dependencies": {"openai": "7.58.0"}}})
    assert "is not of this package.json" in found


def test_client_that_is_asked_for_but_not_compiled_is_found(tmp_path: Path) -> None:
    (tmp_path / "clients.in").write_text("litellm>=2\n")
    (tmp_path / "clients.txt").write_text("litellm==1.0 \\\n    --hash=sha256:00\n")
    [found] = clients_faults(tmp_path)
    assert "litellm>=2 is not what is compiled (1.0)" in found
