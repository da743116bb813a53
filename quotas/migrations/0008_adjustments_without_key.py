"""Adjustments may be of no key: a call that the ledger does not have, a day as a whole.

Back again, the columns stay as they are: rows of no key may be there by then, and the ledger's sums lose none of them.
"""

from typing import ClassVar

from django.db import migrations, models

TABLES, FIELDS = ("usagebucket", "usageday"), ("project_id", "key_id")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0007_usage_of_more")]
    operations: ClassVar = [
        migrations.RunSQL(
            [
                f"ALTER TABLE quotas_{table} ALTER COLUMN {field} DROP NOT NULL"
                for table in TABLES
                for field in FIELDS
            ],
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AlterField(model_name=table, name=field, field=models.UUIDField(null=True))
                for table in TABLES
                for field in FIELDS
            ],
        ),
    ]
