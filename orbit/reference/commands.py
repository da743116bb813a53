"""Commands with their options as their parsers have them: `manage.py`'s own and `orbit`'s."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from django.apps import apps
from django.core.management import get_commands, load_command_class

from orbit.cli.commands import ALL, GROUPS
from orbit.cli.parser import parser

OURS = ("orbit", "audit", "tenants", "quotas", "proxy", "billing", "console")
# Django's for every command; `orbit`'s, which docs/cli.md explains.
COMMON = {
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks",
}  # fmt: skip
OF_ORBIT = {"help", "profile", "json", "organization", "yes"}


def managed() -> str:
    names = sorted(name for name, app in get_commands().items() if app in OURS)
    assert {app for app in get_commands().values() if app in OURS} <= {
        one.label for one in apps.get_app_configs()
    }
    found = []
    for name in names:
        made = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        found.append("\n".join([f"### `{name}`", "", *_told(made, name, COMMON)]))
    return "\n\n".join(found)


def of_orbit() -> str:
    root = parser(ALL, GROUPS)
    return "\n".join(_leaves(root, "orbit", OF_ORBIT))


def _told(made: argparse.ArgumentParser, words: str, left_out: set[str]) -> Iterator[str]:
    """What a command is for, then itself and each command below it with their options."""
    if made.description:
        yield from (" ".join(made.description.split()), "")
    yield from _leaves(made, words, left_out)


def _leaves(made: argparse.ArgumentParser, words: str, left_out: set[str], about: str = "") -> Iterator[str]:
    below = [one for one in made._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001 - argparse tells it nowhere else
    own = [one for one in made._actions if one not in below and one.dest not in left_out]  # noqa: SLF001
    if own or not below:
        places = " ".join(_place(one) for one in own if not one.option_strings)
        yield f"- `{f'{words} {places}'.strip()}`" + (f": {about}" if about else "")
        yield from (_line(made, one) for one in own if one.option_strings or one.help)
    for action in below:
        helps = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
        for name, child in action.choices.items():
            yield from _leaves(child, f"{words} {name}", left_out, helps.get(name, ""))


def _line(made: argparse.ArgumentParser, action: argparse.Action) -> str:
    if action.option_strings:
        spelt = f"`{', '.join(action.option_strings)}{_value(action)}`"
    else:
        spelt = f"`{_place(action)}`"
    needed = "needed" if action.option_strings and action.required else ""
    words = " ".join(made._get_formatter()._expand_help(action).split()) if action.help else ""  # noqa: SLF001
    return f"    - {spelt}" + "".join(
        f"; {one}" if needed and one == words else f": {one}" for one in (needed, words) if one
    )


def _place(action: argparse.Action) -> str:
    name = _named(action)
    match action.nargs:
        case "?":
            return f"[{name}]"
        case "*":
            return f"[{name} …]"
        case "+":
            return f"{name} …"
    return name


def _value(action: argparse.Action) -> str:
    return "" if action.nargs == 0 else f" {_named(action)}"


def _named(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.metavar:
        return " ".join(action.metavar)
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return action.dest.upper()
