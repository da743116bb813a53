"""`manage.py ensure_roles`: rights that depend on who logs in and on tables of other packages; operators' groups. Runs after migrate."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

from console.operators import ensure_groups
from orbit.lib.rowlevel import APP, LEDGER, OPERATOR

# People, sessions, schedules, and allauth's side of OAuth clients belong to no organization.
SHARED_PREFIXES = (
    "auth_",
    "django_",
    "account_",
    "mfa_",
    "allauth_idp_oidc_",
    "socialaccount_",
    "usersessions_",
    "tenants_person",
)


class Command(BaseCommand):
    help = "Grant the database roles to the login and to tables that no organization owns; make operators' groups."

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_groups()
        login = unquote(urlsplit(settings.DATABASE_URL).username or "")
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_setting('server_version_num')::int")
            owner, version = cursor.fetchone()
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {APP}, {LEDGER}, {OPERATOR}")
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT rowsecurity")
            shared = [name for (name,) in cursor.fetchall() if name.startswith(SHARED_PREFIXES)]
            for table in shared:
                rights = "SELECT" if table == "django_migrations" else "SELECT, INSERT, UPDATE, DELETE"
                cursor.execute(
                    sql.SQL("GRANT {} ON {} TO {}, {}").format(
                        sql.SQL(rights), sql.Identifier(table), sql.Identifier(APP), sql.Identifier(OPERATOR)
                    )
                )
            cursor.execute(
                "SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace"
            )
            for (sequence,) in cursor.fetchall():
                if sequence.startswith(SHARED_PREFIXES):
                    cursor.execute(
                        sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}, {}").format(
                            sql.Identifier(sequence), sql.Identifier(APP), sql.Identifier(OPERATOR)
                        )
                    )
            if login != owner:
                grant = "GRANT {}, {}, {} TO {}" + (
                    " WITH INHERIT FALSE, SET TRUE" if version >= 160000 else ""
                )
                cursor.execute(sql.SQL(grant).format(*map(sql.Identifier, (APP, LEDGER, OPERATOR, login))))
