"""What operators' commands share: exit codes, and errors as words instead of traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable

from orbit.lib.errors import InputError

BAD_INPUT = 2
UNREACHABLE = 3
_NOT_MIGRATED = (UndefinedTable, UndefinedColumn)


class OperatorCommand(BaseCommand):
    """Exit codes: 0 done, 2 bad input, 3 a store or the installation cannot be reached."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not settings.DATABASE_URL:
            raise CommandError(
                "There is no installation here: DATABASE_URL is not set, and none is running from this directory "
                "(`make run` starts one).",
                returncode=UNREACHABLE,
            )
        try:
            return super().execute(*args, **options)
        except InputError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=UNREACHABLE) from None
        except (OperationalError, InterfaceError) as error:
            words = str(error).strip().splitlines()
            raise CommandError(
                f"The database is not reachable: {words[0] if words else 'no answer'}", returncode=UNREACHABLE
            ) from None
        except ProgrammingError as error:
            if not isinstance(error.__cause__, _NOT_MIGRATED):
                raise
            raise CommandError(
                "The database is not set up: run `manage.py migrate` first.", returncode=UNREACHABLE
            ) from None


@contextmanager
def of_options(*names: str) -> Iterator[None]:
    """What a service says of one of these fields is of the option that is called so."""
    try:
        yield
    except InputError as error:
        if error.path not in names:
            raise
        raise InputError(f"--{error.path}", error.message, error.suggestion) from None
