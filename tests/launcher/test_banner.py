from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

from orbit.launcher import banner
from orbit.launcher.banner import Demo

_SEEDED = {"organization": "demo", "email": "a@b.example", "password": "secret", "key": "orb_1", "model": "m"}


def test_later_runs_print_what_the_first_was_told(tmp_path: Path) -> None:
    first = banner.remembered(tmp_path, _SEEDED)
    assert first == Demo(**_SEEDED)
    assert banner.remembered(tmp_path, {**_SEEDED, "password": None, "key": None}) == first
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_renewed_secrets_replace_the_kept_ones(tmp_path: Path) -> None:
    banner.remembered(tmp_path, _SEEDED)
    renewed = banner.remembered(tmp_path, {**_SEEDED, "key": "orb_2"})
    assert renewed is not None
    assert renewed.key == "orb_2"


def test_secrets_that_nobody_kept_are_missed(tmp_path: Path) -> None:
    assert banner.remembered(tmp_path, {**_SEEDED, "password": None}) is None


def test_snippets_can_be_pasted() -> None:
    text = banner.with_demo("http://127.0.0.1:8080", 1.0, Demo(**_SEEDED))
    curl = text[text.index("curl ") : text.index("\n\nOr from Python")]
    words = shlex.split(curl.replace("\\\n", " "))
    assert words[1] == "http://127.0.0.1:8080/v1/chat/completions"
    assert json.loads(words[-1])["model"] == "m"
    python = text[text.index("# pip install openai") : text.index("\n\nAnthropic")]
    ast.parse(python)
