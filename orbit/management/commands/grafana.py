"""`manage.py grafana sync`: the folders of organizations in Grafana, made as they should be, now."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import CommandError

from orbit.grafana import folders
from orbit.grafana.api import Grafana, GrafanaError, connected, is_set_up, problems
from orbit.grafana.folders import Wanted
from orbit.lib.errors import InputError
from tenants.management.cli import UNREACHABLE, OperatorCommand


class Command(OperatorCommand):
    help = "Folders of organizations in Grafana (ORBIT_GRAFANA_URL)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        sync = actions.add_parser(
            "sync", help="make folders, teams, permissions and boards as they should be"
        )
        sync.add_argument("organizations", nargs="*", metavar="ORG", help="slugs; default: all")

    def handle(self, **options: Any) -> None:
        if not is_set_up():
            raise CommandError("ORBIT_GRAFANA_URL is not set, so there is no Grafana to ask.")
        if found := problems():
            raise CommandError(" ".join(found))
        todo = _chosen(options["organizations"])
        with connected() as grafana:
            failed = [self._put(grafana, one) for one in todo].count(False)
        if failed:
            raise CommandError(f"{failed} of {len(todo)} could not be done.", returncode=UNREACHABLE)

    def _put(self, grafana: Grafana, one: Wanted) -> bool:
        try:
            done = folders.put(grafana, one)
        except GrafanaError as error:
            self.stderr.write(f"{one.slug}: Grafana {error}")
            return False
        folders.remember(one)
        self.stdout.write(f"{one.slug}: {', '.join(done) or 'as it should be'}")
        return True


def _chosen(slugs: list[str]) -> list[Wanted]:
    found = folders.wanted()
    unknown = {*slugs} - {one.slug for one in found}
    if unknown:
        raise InputError("organizations", f"there is no organization {min(unknown)!r}.")
    return [one for one in found if not slugs or one.slug in slugs]
