import sys
from argparse import Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orbit.demo.provider.server import add_arguments, options_from, run


class Command(BaseCommand):
    help = "Serve a pretend OpenAI and Anthropic on a loopback port, with books of its own (docs/demo-provider.md)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if status := run(options_from(Namespace(**options))):
            sys.exit(status)
