"""The last use of each secret that a rotation replaced, which the ledger's writer alone may write."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from orbit.lib.rowlevel import APP, protect

TABLE = "tenants_formersecretuse"
# Nothing but a purge deletes them, as in 0015_deletion.
PURGE = (
    f"CREATE POLICY purge ON {TABLE} AS RESTRICTIVE FOR DELETE TO {APP} USING (EXISTS (SELECT FROM tenants_organization o "
    f"WHERE o.id = {TABLE}.organization_id AND o.purge_at <= statement_timestamp()));"
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0025_requester")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="FormerSecretUse",
            fields=[
                (
                    "secret",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="use",
                        serialize=False,
                        to="tenants.formersecret",
                    ),
                ),
                ("organization_id", models.UUIDField()),
                ("used_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            [protect(TABLE, app="SELECT, DELETE", ledger="SELECT, INSERT, UPDATE"), PURGE],
            migrations.RunSQL.noop,
        ),
    ]
