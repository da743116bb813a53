"""`manage.py import`: what was set up elsewhere, as an apply file on standard output. See docs/importing.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orbit.lib.errors import InputError
from tenants import schema
from tenants.imports import litellm, plain
from tenants.management.cli import BAD_INPUT
from tenants.schema import Invalid


class Command(BaseCommand):
    help = "Turns a configuration of LiteLLM's proxy, or a plain list of tenants, into a file for `manage.py apply`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        sources = parser.add_subparsers(dest="source", required=True)
        config = sources.add_parser("litellm", help="config.yaml of LiteLLM's proxy: one organization")
        config.add_argument("file", metavar="CONFIG")
        config.add_argument("--organization", default="imported", metavar="SLUG", help="default: imported")
        tenants = sources.add_parser("tenants", help="a plain list of tenants (docs/importing.md)")
        tenants.add_argument("file", metavar="FILE")

    def handle(self, *, source: str, file: str, **options: Any) -> None:
        try:
            content = schema.load(Path(file).read_bytes())
            made = (
                litellm.draft(content, options["organization"])
                if source == "litellm"
                else plain.draft(content)
            )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}", returncode=BAD_INPUT) from None
        except (Invalid, InputError) as error:
            problems = error.problems if isinstance(error, Invalid) else [error]
            words = [f"{one.path or 'file'}: {one.message} {one.suggestion}".strip() for one in problems]
            raise CommandError("\n".join(words), returncode=BAD_INPUT) from None
        self.stdout.write(made.text(Path(file).name), ending="")
        for warning in made.warnings:
            self.stderr.write(f"warning: {warning}")
