"""The parser of the command line, made of the table of commands."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from orbit.cli import values
from orbit.cli.command import AnyCommand, Command, Option
from orbit.cli.failures import Exit, Failure

_EPILOG = "Exit codes: 0 done, 1 doctor found a fault, 2 bad input, 3 no answer, 4 not allowed, 5 not found. See docs/cli.md."


class Parser(argparse.ArgumentParser):
    """Abbreviated options would change their meaning when others are added; so there are none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.print_usage()
        self.exit(Exit.BAD_INPUT, f"error: {message}\n")


def parser(commands: Sequence[AnyCommand], groups: Mapping[str, str]) -> Parser:
    root = Parser(prog="orbit", description="The gateway's management API as commands.", epilog=_EPILOG)
    within: dict[str, Any] = {"": root.add_subparsers(metavar="COMMAND", required=True)}
    for command in commands:
        group, _, word = command.words.rpartition(" ")
        if group not in within:
            made = within[""].add_parser(group, help=groups[group], description=groups[group])
            within[group] = made.add_subparsers(metavar="COMMAND", required=True)
        leaf = within[group].add_parser(word, help=command.help, description=command.help)
        leaf.set_defaults(command=command)
        _fill(leaf, command)
    return root


def _fill(leaf: argparse.ArgumentParser, command: AnyCommand) -> None:
    for place in command.places:
        optional = place.endswith("?")
        name = place.removesuffix("?")
        leaf.add_argument(
            name,
            metavar=name.replace("_", "-").upper(),
            nargs="?" if optional else None,
            default=argparse.SUPPRESS if optional else None,
        )
    for option in command.options:
        _add(leaf, option)
    common = leaf.add_argument_group("common")
    if isinstance(command, Command) and command.is_list:
        common.add_argument(
            "--limit", type=_reader(values.whole), default=argparse.SUPPRESS, help="rows at most"
        )
        common.add_argument("--all", action="store_true", default=argparse.SUPPRESS, help="all rows")
    if command.of_organization:
        common.add_argument("-o", "--organization", metavar="SLUG", help="left out: the profile's own")
    if command.asks:
        common.add_argument("-y", "--yes", action="store_true", help="do it without asking")
    common.add_argument("--profile", metavar="NAME", help="which stored gateway and key; left out: default")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _add(leaf: argparse.ArgumentParser, option: Option) -> None:
    common: dict[str, Any] = {
        "dest": option.name,
        "help": option.help,
        "default": argparse.SUPPRESS,
    }
    if option.switch:
        leaf.add_argument(*option.spelt, action="store_true", **common)
        return
    shown = option.metavar or option.name.rpartition("_")[2].upper()
    leaf.add_argument(
        *option.spelt, type=_reader(option.reads), required=option.required, metavar=shown, **common
    )


def _reader(reads: values.Reads) -> values.Reads:
    """argparse tells what is wrong, and with which option, if it comes as its own error."""

    def read(text: str) -> Any:
        try:
            return reads(text)
        except Failure as error:
            raise argparse.ArgumentTypeError(f"{error.message}. {error.remedy}".strip(". ")) from None

    return read
