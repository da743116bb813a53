"""Usage by quarter and by day lies in parts by organization.

Rows are written as time goes by, those of all organizations side by side: what a large one used in a month lay scattered over
nearly every page of the table. In one of sixteen parts its rows have few neighbours.

Each table is copied in a transaction of its own. Meanwhile pages read on, and the ledger's writer waits: it may take a minute
for some millions of rows. The owner is bound by forced policies, so that force is lifted from the old table before.
"""

from typing import Any, ClassVar

from django.db import migrations, transaction

from orbit.lib.rowlevel import LEDGER, protect

PARTS = 16
TABLES = {"quotas_usagebucket": "usage_bucket", "quotas_usageday": "usage_day"}
INDEXES = {
    "quotas_usagebucket": ("usage_of_project", "usage_of_key"),
    "quotas_usageday": ("usage_day_of_project", "usage_day_of_key"),
}
OBJECT = "organization_id, starts_at, project_id, key_id, account_id, model, currency"


def parted(table: str) -> str:
    """The new table beside the old one, without rows."""
    parts = "".join(
        f"CREATE TABLE {table}_p{part} PARTITION OF {table}_new FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
        " WITH (fillfactor = 80);"
        for part in range(PARTS)
    )
    return f"""
CREATE TABLE {table}_new (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (organization_id);
{parts}"""


def filled(table: str) -> str:
    """Its rows in the order in which they are read, and its indexes. A partitioned table has no unique id."""
    of_project, of_key = INDEXES[table]
    return f"""
INSERT INTO {table}_new SELECT * FROM {table} ORDER BY organization_id, starts_at;
CREATE INDEX {table}_new_id ON {table}_new (id);
ALTER TABLE {table}_new ADD CONSTRAINT {TABLES[table]}_new UNIQUE NULLS NOT DISTINCT ({OBJECT});
CREATE INDEX {of_project}_new ON {table}_new (project_id, starts_at);
CREATE INDEX {of_key}_new ON {table}_new (key_id, starts_at);"""


def swapped(table: str) -> str:
    """Under the old names, with the rights, the policies and the numbers of the old one."""
    named = "".join(f"ALTER INDEX {name}_new RENAME TO {name};" for name in INDEXES[table])
    sequence = f"{table}_id_seq"
    return f"""
DROP TABLE {table};
ALTER TABLE {table}_new RENAME TO {table};
ALTER INDEX {table}_new_id RENAME TO {table}_id;
ALTER TABLE {table} RENAME CONSTRAINT {TABLES[table]}_new TO {TABLES[table]};
{named}
CREATE SEQUENCE {sequence} OWNED BY {table}.id;
SELECT setval('{sequence}', coalesce((SELECT max(id) FROM {table}), 0) + 1, false);
ALTER TABLE {table} ALTER id SET DEFAULT nextval('{sequence}'), ALTER id SET NOT NULL;
{protect(table, app="SELECT", ledger="SELECT, INSERT, UPDATE, DELETE")}
GRANT USAGE ON SEQUENCE {sequence} TO {LEDGER};
ANALYZE {table};"""


def apart(apps: Any, schema_editor: Any) -> None:
    """One table after the other; what is done already, after a failure in the midst, is left."""
    connection = schema_editor.connection
    for table in TABLES:
        with connection.cursor() as cursor:
            cursor.execute("SELECT relkind FROM pg_class WHERE oid = %s::regclass", [table])
            if cursor.fetchone() == ("p",):
                continue
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            try:
                with transaction.atomic(using=connection.alias):
                    cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
                    for step in (parted, filled, swapped):
                        cursor.execute(step(table))
            except BaseException:
                cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
                raise


class Migration(migrations.Migration):
    atomic = False  # a lock on one table is not held while the other is copied
    dependencies: ClassVar = [("quotas", "0009_room_for_sums")]
    operations: ClassVar = [migrations.RunPython(apart, migrations.RunPython.noop)]
