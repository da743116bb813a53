"""From arguments to a command, and from its end to an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from orbit.cli import rows
from orbit.cli.command import Command
from orbit.cli.commands import ALL, GROUPS
from orbit.cli.failures import Exit, Failure
from orbit.cli.output import Output
from orbit.cli.parser import Parser, parser
from orbit.cli.session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    given = vars(_parser().parse_args(arguments))
    output = Output(given.pop("json"))
    try:
        return run(given, output) or Exit.DONE
    except Failure as error:
        if output.as_json:
            output.json(error.as_dict())
        for line in error.lines():
            output.note(line)
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        sys.stderr.close()
        return Exit.DONE


@cache
def _parser() -> Parser:
    return parser(ALL, GROUPS)


def run(given: dict[str, Any], output: Output) -> int | None:
    command = given.pop("command")
    with Session(
        output,
        profile=given.pop("profile"),
        organization=given.pop("organization", None),
        yes=given.pop("yes", False),
    ) as session:
        if isinstance(command, Command):
            rows.run(command, session, given)
            return None
        return int(command.run(session, given) or 0)
