"""Brings the database and the static files up to date, as the schema's owner.

One process for three commands: on a small machine most of each one's time is importing Django.
"""

from __future__ import annotations

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("ensure_roles", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    main()
