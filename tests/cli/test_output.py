"""What is shown: for people or for programs, without colours where none are wanted, and never at a name's command."""

from __future__ import annotations

import io

import pytest

from orbit.cli.output import Output, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _table(out: io.StringIO) -> str:
    Output(False, out).table(
        [{"name": "main", "state": "revoked"}, {"name": "x", "state": "usable"}], ["name", "state"]
    )
    return out.getvalue()


@pytest.fixture(autouse=True)
def _colours_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_table_is_aligned() -> None:
    assert _table(io.StringIO()) == "NAME  STATE\nmain  revoked\nx     usable\n"


def test_terminal_gets_colours_unless_it_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31mrevoked" in _table(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in _table(Terminal())


def test_terminal_is_not_controlled_by_what_is_shown() -> None:
    assert "\x1b" not in shown("a\x1b[2Jb")
    assert "\n" not in shown("a\nb")
    err = io.StringIO()
    Output(False, err=err).note("a\x1b[2Jb\nc")
    assert err.getvalue() == "a�[2Jb\nc\n"
    assert shown("Jürgen 株式会社") == "Jürgen 株式会社"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("x", None, "-"),
        ("x", "", "-"),
        ("x", [], "-"),
        ("x", 0, "0"),
        ("x", False, "no"),
        ("scopes", ["a", "b"], "a, b"),
        ("allow", {"models": ["a"]}, '{"models": ["a"]}'),
        ("cost_nano", 1_234_567_890, "1.2346"),
    ],
)
def test_values_read_well(name: str, value: object, text: str) -> None:
    assert shown(value, name) == text
