"""Bash offers what the table has."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.conftest import Orbit


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["orbit", "ke"], {"keys"}),
        (["orbit", "keys", "re"], {"resume", "revoke"}),
        (["orbit", "keys", "issue", "--pro"], {"--project", "--profile"}),
        (["orbit", "keys", "issue", "--project", "bot", "--na"], {"--name"}),
        (["orbit", "management-keys", "i"], {"issue"}),
        (["orbit", "nonsense", ""], set()),
    ],
)
def test_bash_offers(stranger: Orbit, typed: list[str], offered: set[str]) -> None:
    words = " ".join(f"'{word}'" for word in typed)
    ask = f'COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _orbit; printf "%s\\n" "${{COMPREPLY[@]}}"'
    script = stranger("completion", "bash").out
    said = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True, check=True)
    assert set(said.stdout.split()) == offered


def test_zsh_takes_bashs_way_and_others_are_refused(stranger: Orbit) -> None:
    assert "bashcompinit" in stranger("completion", "zsh").out
    assert stranger("completion", "fish").code == 2
