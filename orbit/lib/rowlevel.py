"""SQL for migrations: grants and row-level security of tenants' tables.

The roles, and who may do what, are printed in docs/architecture.md.
"""

from __future__ import annotations

APP, LEDGER, OPERATOR, KEYFINDER = "orbit_app", "orbit_ledger", "orbit_operator", "orbit_keyfinder"
ROLES = (APP, LEDGER, OPERATOR, KEYFINDER)

ORGANIZATION = "nullif(current_setting('orbit.organization', true), '')::uuid"
PERSON = "nullif(current_setting('orbit.person', true), '')::bigint"

CREATE_ROLES = "\n".join(
    f"""DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;"""
    for role in ROLES
)


def protect(
    table: str,
    *,
    column: str = "organization_id",
    app: str = "SELECT, INSERT, UPDATE, DELETE",
    ledger: str = "",
    person: str = "",
) -> str:
    """Row-level security, forced, for `table`: one organization for the app, all for ledger and operator.

    `app` and `ledger` are the rights granted; `person` is a further condition under which a signed-in
    person sees a row before an organization is chosen.
    """
    seen = f"{column} = {ORGANIZATION}"
    lines = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;",
        f"REVOKE ALL ON {table} FROM {APP}, {LEDGER}, {OPERATOR};",
        f"GRANT {app} ON {table} TO {APP};",
        f"GRANT SELECT ON {table} TO {OPERATOR};",
        f"CREATE POLICY tenant ON {table} TO {APP} USING ({seen}) WITH CHECK ({seen});",
        f"CREATE POLICY operator ON {table} FOR SELECT TO {OPERATOR} USING (true);",
    ]
    if person:
        lines.append(f"CREATE POLICY person ON {table} FOR SELECT TO {APP} USING ({person});")
    if ledger:
        lines.append(f"GRANT {ledger} ON {table} TO {LEDGER};")
        lines.append(f"CREATE POLICY ledger ON {table} TO {LEDGER} USING (true) WITH CHECK (true);")
    return "\n".join(lines)


def same_organization(table: str, column: str, target: str) -> str:
    """A composite foreign key, so that a row can only point inside its own organization."""
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_org FOREIGN KEY (organization_id, {column}) "
        f"REFERENCES {target} (organization_id, id) DEFERRABLE INITIALLY DEFERRED;"
    )
