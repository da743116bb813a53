#!/usr/bin/env python3
"""The operator's command line on the machine."""

import os
import sys

# Only these connect as the owner of the schema; everything else takes a narrow role.
OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "showmigrations", "ensure_roles"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orbit.settings.dev")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ["ORBIT_DB_ROLE"] = "owner"
    try:
        from django.core.management import execute_from_command_line

        from orbit.env import BadSetting
    except ImportError:
        sys.exit("Django is not installed here. Run `make setup`, then use .venv/bin/python manage.py ...")
    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
