"""completion: what makes a shell offer commands and options."""

from __future__ import annotations

from typing import Any

from orbit.cli.command import AnyCommand, Special
from orbit.cli.failures import Failure
from orbit.cli.session import Session

_BASH = """_orbit() {{
  local at="${{COMP_WORDS[*]:1:COMP_CWORD-1}}"
  case "$at" in
{cases}
  esac
}}
complete -F _orbit orbit
"""
_CASE = """    {pattern}) COMPREPLY=($(compgen -W "{words}" -- "${{COMP_WORDS[COMP_CWORD]}}"));;"""
_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def script(shell: str, commands: tuple[AnyCommand, ...]) -> str:
    """What `eval "$(orbit completion bash)"` takes in."""
    after: dict[str, list[str]] = {"": []}
    leaves: list[str] = []
    for command in commands:
        group, _, word = command.words.rpartition(" ")
        if group and group not in after[""]:
            after[""].append(group)
        after.setdefault(group, []).append(word)
        options = " ".join(one.spelt[-1] for one in command.options)
        common = " --organization" * command.of_organization + " --yes" * bool(command.asks)
        leaves.append(
            _CASE.format(
                pattern=f'"{command.words}"*', words=f"{options}{common} --profile --json --help".strip()
            )
        )
    nodes = [_CASE.format(pattern=f'"{at}"', words=" ".join(words)) for at, words in after.items()]
    text = _BASH.format(cases="\n".join([*nodes, *leaves]))
    return _ZSH + text if shell == "zsh" else text


def command(others: tuple[AnyCommand, ...]) -> Special:
    """The command itself, for which the table of all others is made first."""

    def completion(session: Session, given: dict[str, Any]) -> None:
        if given["shell"] not in ("bash", "zsh"):
            raise Failure("completion is for bash and zsh")
        session.output.line(script(given["shell"], (*others, made)))

    made = Special("completion", "what makes bash or zsh offer commands and options", completion, ("shell",))
    return made
