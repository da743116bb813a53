"""Brings a restored database to this version and gives the login its roles: `python -m orbit.backup.schema`, as the owner."""

from __future__ import annotations

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("ensure_roles", verbosity=0)


if __name__ == "__main__":
    main()
