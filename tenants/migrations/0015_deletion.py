"""Organizations are deleted, and purged after a while."""

from typing import ClassVar

from django.db import migrations, models

from orbit.lib.rowlevel import APP

# Nothing but a purge deletes these, and only in an organization whose time is over.
PURGED = (
    "tenants_apikey",
    "tenants_formersecret",
    "tenants_invitation",
    "tenants_keyuse",
    "tenants_project",
    "tenants_serviceaccount",
)

SQL = [
    f"GRANT DELETE ON {table} TO {APP}; "
    f"CREATE POLICY purge ON {table} AS RESTRICTIVE FOR DELETE TO {APP} USING (EXISTS (SELECT FROM tenants_organization o "
    f"WHERE o.id = {table}.organization_id AND o.purge_at <= statement_timestamp()));"
    for table in PURGED
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0014_owners")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="organization",
            name="deleted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="purge_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="purged_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deleted_at", None), ("purge_at", None), ("purged_at", None)),
                    models.Q(("deleted_at__isnull", False), ("purge_at__gte", models.F("deleted_at"))),
                    _connector="OR",
                ),
                name="organization_deletion",
            ),
        ),
        migrations.RunSQL([*SQL], migrations.RunSQL.noop),
    ]
