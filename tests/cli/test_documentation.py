"""docs/cli.md says what the command line has."""

from __future__ import annotations

import re

from orbit.cli import profiles
from orbit.cli.commands import ALL
from orbit.cli.failures import Exit
from orbit.launcher.state import PROJECT

PAGE = (PROJECT / "docs/cli.md").read_text()
GUIDE = (PROJECT / "docs/guides/scripting.md").read_text()


def test_every_command_is_in_the_table() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|$", PAGE.partition("## All commands")[2], re.MULTILINE)
    assert rows == [(one.words, one.help) for one in ALL]


def test_every_exit_code_and_variable_is_explained() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [
        int(one) for one in Exit
    ]
    for name in (profiles.URL, profiles.KEY, profiles.PROFILE, profiles.ORGANIZATION, "NO_COLOR"):
        assert f"`{name}`" in PAGE


def test_commands_of_the_pages_exist() -> None:
    known = {tuple(one.words.split()) for one in ALL}
    typed = re.findall(r"(?:^|[=(] ?|\) )orbit ([a-z][^\n#|>]*)", PAGE + GUIDE, re.MULTILINE)
    typed += re.findall(r"`orbit ([a-z][^`]*)`", PAGE + GUIDE)
    assert len(typed) > 20
    for line in typed:
        words = tuple(line.split())
        assert words[:1] in known or words[:2] in known, line
