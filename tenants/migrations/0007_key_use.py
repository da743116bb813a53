"""The last use of each key, which the ledger's writer alone may write."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from orbit.lib.rowlevel import protect


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0006_key_scopes")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="KeyUse",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="use",
                        serialize=False,
                        to="tenants.apikey",
                    ),
                ),
                ("organization_id", models.UUIDField()),
                ("used_at", models.DateTimeField()),
                ("address", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.RunSQL(
            [protect("tenants_keyuse", app="SELECT", ledger="SELECT, INSERT, UPDATE")],
            migrations.RunSQL.noop,
        ),
    ]
