"""`manage.py ledger dead-letters`: what could not be written, why, and once more."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.models import DeadLetter
from audit.replay import replay, waiting
from orbit.lib import access
from orbit.lib.clock import rfc3339
from orbit.lib.errors import InputError

STAYED = 1
SHOWN = (
    "id",
    "about",
    "shard",
    "stream_id",
    "created_at",
    "tries",
    "tried_at",
    "replayed_at",
    "reason",
)


def add_arguments(actions: Any) -> None:
    parser: argparse.ArgumentParser = actions.add_parser(
        "dead-letters",
        help="events that could not be written, the oldest first; give them to the ledger again",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--replay", type=int, metavar="ID", help="this one, once more")
    which.add_argument("--all", action="store_true", help="every one that waits, once more")
    which.add_argument("--payload", type=int, metavar="ID", help="show what came")
    parser.add_argument("--replayed", action="store_true", help="list those that were replayed as well")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    if options["replay"] is not None or options["all"]:
        _replay(command, [_known(options["replay"], "--replay")] if options["replay"] else waiting())
    elif options["payload"] is not None:
        with access.operator():
            letter = DeadLetter.objects.get(pk=_known(options["payload"], "--payload"))
        command.stdout.write(letter.payload)
    else:
        _list(command, options)


def _known(letter_id: int, option: str) -> int:
    with access.operator():
        if not DeadLetter.objects.filter(pk=letter_id).exists():
            raise InputError(option, f"there is no dead letter {letter_id}.", "List them without it.")
    return letter_id


def _replay(command: BaseCommand, ids: list[int]) -> None:
    stayed = 0
    for letter_id in ids:
        refused = replay(letter_id, actor="manage.py ledger")
        stayed += refused is not None
        command.stdout.write(f"{letter_id}: {'written' if refused is None else f'stays: {refused}'}")
    command.stdout.write(f"{len(ids) - stayed} written, {stayed} stay.")
    if stayed:
        raise CommandError(f"{stayed} could still not be written.", returncode=STAYED)


def _list(command: BaseCommand, options: dict[str, Any]) -> None:
    with access.operator():
        letters = DeadLetter.objects.order_by("pk")
        if not options["replayed"]:
            letters = letters.filter(replayed_at=None)
        found = 0
        for letter in letters.defer("payload").iterator():
            found += 1
            command.stdout.write(_as_json(letter) if options["json"] else _as_line(letter))
    if not found and not options["json"]:
        command.stdout.write("No dead letters wait.")


def _as_line(letter: DeadLetter) -> str:
    fate = f"replayed {rfc3339(letter.replayed_at)}" if letter.replayed_at else f"{letter.tries} tries since"
    return f"{letter.pk}  {rfc3339(letter.created_at)}  {letter.about or '-'}  {fate}  {letter.reason}"


def _as_json(letter: DeadLetter) -> str:
    return json.dumps({name: getattr(letter, name) for name in SHOWN}, default=str, ensure_ascii=False)
