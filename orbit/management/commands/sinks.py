"""`manage.py sinks`: feed the sinks of ORBIT_SINKS, try them, show how far behind they are, send again what they refused."""

from __future__ import annotations

import argparse
import getpass
import json
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import CommandError

from audit.sinks import book, lag, process, services
from audit.sinks.base import Unavailable
from audit.sinks.config import SinkConfig
from audit.sinks.file import Faulty, parse
from audit.sinks.registry import KINDS
from orbit import startup
from orbit.lib import clock, logs
from orbit.lib.errors import InputError
from tenants.management.cli import BAD_INPUT, UNREACHABLE, OperatorCommand
from tenants.schema import loading
from tenants.schema.problems import Invalid
from tenants.secrets import CannotRead, Stores, check_reference

_COLUMNS = ("sink", "kind", "state", "behind", "seconds", "sent", "refused", "dropped", "error")


class Command(OperatorCommand):
    help = "Send the ledger on to where the file of ORBIT_SINKS says (docs/sinks.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser(
            "run", help="feeds the sinks until it is stopped; reads the file anew when it changes"
        )
        check = actions.add_parser("check", help="whether the file can be used; sends nothing")
        check.add_argument("--secrets", action="store_true", help="also whether every secret can be read")
        status = actions.add_parser("status", help="how far each sink is behind the ledger, and why")
        status.add_argument("--json", action="store_true")
        letters = actions.add_parser(
            "letters", help="which events a sink refused for good, one JSON object a line"
        )
        letters.add_argument("name", metavar="NAME")
        replay = actions.add_parser("replay", help="sends refused events again")
        replay.add_argument("name", metavar="NAME")
        which = replay.add_mutually_exclusive_group(required=True)
        which.add_argument("--event", action="append", type=UUID, metavar="ID", help="may be repeated")
        which.add_argument("--all", action="store_true")
        forget = actions.add_parser("forget", help="throws away the place and dead letters of a removed sink")
        forget.add_argument("name", metavar="NAME")
        forget.add_argument("--yes", action="store_true", help="without asking")

    def handle(self, **options: Any) -> None:
        actions: dict[str, Callable[[dict[str, Any]], None]] = {
            "run": self._run,
            "check": self._check,
            "status": self._status,
            "letters": self._letters,
            "replay": self._replay,
            "forget": self._forget,
        }
        actions[options["action"]](options)

    def _run(self, options: dict[str, Any]) -> None:
        logs.call_process("sinks")
        problems = startup.problems()
        if problems:
            raise CommandError(" ".join(problems), returncode=UNREACHABLE)
        path, stop = _path(), threading.Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: stop.set())
        with Stores() as stores:
            try:
                process.run(path, lambda: load(path), reader(stores), stop, actor=_actor())
            except Faulty as error:
                raise CommandError(f"{path}\n{error}", returncode=BAD_INPUT) from None

    def _check(self, options: dict[str, Any]) -> None:
        path = _path()
        try:
            configs = load(path)
        except Faulty as error:
            raise CommandError(f"{path}\n{error}", returncode=BAD_INPUT) from None
        with Stores() as stores:
            for config in configs:
                if options["secrets"]:
                    try:
                        KINDS[config.kind].open(config, reader(stores)).close()
                    except Unavailable as error:
                        raise CommandError(f"{config.name}: {error}", returncode=UNREACHABLE) from None
                self.stdout.write(f"{config.name}: {config.kind}, good")
        self.stdout.write(f"{len(configs)} sinks in {path}.")

    def _status(self, options: dict[str, Any]) -> None:
        found = lag.lags()
        if options["json"]:
            self.stdout.write(json.dumps({"sinks": [one.as_dict() for one in found]}, indent=2))
            return
        rows = [_COLUMNS, *(_row(one) for one in found)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS) - 1)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            self.stdout.write("  ".join([*cells, row[-1]]).rstrip())

    def _letters(self, options: dict[str, Any]) -> None:
        for letter in lag.dead_letters(options["name"]):
            told = {
                "event_id": str(letter.event_id),
                "organization_id": str(letter.event_organization_id),
                "reason": letter.reason,
                "refused_at": clock.rfc3339(letter.created_at),
                "asked_again": letter.replay_asked_at is not None,
            }
            self.stdout.write(json.dumps(told))

    def _replay(self, options: dict[str, Any]) -> None:
        events = None if options["all"] else options["event"]
        count = services.replay(name=options["name"], events=events, actor=_actor())
        self.stdout.write(f"{count} events will be sent to {options['name']} again by `manage.py sinks run`.")

    def _forget(self, options: dict[str, Any]) -> None:
        name = options["name"]
        if not options["yes"]:
            answer = input(
                f"The place of {name} in the ledger and its dead letters will be thrown away. Type its name: "
            )
            if answer != name:
                raise CommandError("Nothing was thrown away.", returncode=BAD_INPUT)
        book.forget(name=name, actor=_actor())
        self.stdout.write(f"{name} is forgotten. A sink of that name will begin where its `from` says.")


def load(path: Path) -> Sequence[SinkConfig]:
    """The file's sinks, with every reference looked at. Faulty when anything is wrong with it."""
    try:
        document = loading.load(loading.read(str(path)))
    except Invalid as error:
        raise Faulty(
            InputError(one.path or "ORBIT_SINKS", one.message, one.suggestion) for one in error.problems
        ) from None
    configs, faults = parse(document), []
    for number, config in enumerate(configs):
        for ref in config.references():
            try:
                check_reference(ref)
            except InputError as error:
                faults.append(InputError(f"sinks[{number}]", f"{ref} {error.message}", error.suggestion))
    if faults:
        raise Faulty(faults)
    return configs


def reader(stores: Stores) -> Callable[[str], str]:
    def read(ref: str) -> str:
        try:
            return stores.read(ref).reveal()
        except CannotRead as error:
            raise Unavailable(f"{ref} cannot be read: {error}") from None

    return read


def _path() -> Path:
    if not settings.ORBIT_SINKS:
        raise InputError(
            "ORBIT_SINKS", "is not set.", "Name the file that lists the sinks; docs/sinks.md has an example."
        )
    return Path(settings.ORBIT_SINKS)


def _actor() -> str:
    return f"manage.py sinks ({getpass.getuser()})"


def _row(one: lag.Lag) -> tuple[str, ...]:
    since = f", since {clock.rfc3339(one.failing_since)[:19]}Z" if one.failing_since else ""
    return (
        one.name,
        one.kind,
        one.state,
        str(one.events),
        f"{one.seconds:.0f}",
        str(one.sent),
        str(one.dead_letters),
        str(one.missing),
        f"{one.last_error}{since}" if one.last_error else "",
    )
