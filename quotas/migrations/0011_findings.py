"""Findings of personal data and secrets, by quarter and by day. What the ledger tells of before comes with `manage.py rollups
rebuild --all`."""

from typing import Any, ClassVar

from django.db import migrations, models

from orbit.lib.rowlevel import LEDGER, protect

TABLES = ("quotas_findingbucket", "quotas_findingday")
# Rows of today are written again and again: room for them on their own pages.
ROOM = "".join(f"ALTER TABLE {name} SET (fillfactor = 80);" for name in TABLES)
GRANTS = f"GRANT USAGE ON SEQUENCE {', '.join(f'{name}_id_seq' for name in TABLES)} TO {LEDGER};"


def table(name: str, constraint: str, by_type: str, together: str) -> migrations.CreateModel:
    fields: list[tuple[str, Any]] = [
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        ("organization_id", models.UUIDField()),
        ("starts_at", models.DateTimeField()),
        ("project_id", models.UUIDField(null=True)),
        ("kind", models.CharField(max_length=256)),
        ("direction", models.CharField(max_length=10)),
        ("action", models.CharField(max_length=10)),
        ("shadow", models.BooleanField()),
        ("findings", models.BigIntegerField(db_default=0, default=0)),
        ("false_positives", models.BigIntegerField(db_default=0, default=0)),
    ]
    of = ("organization_id", "starts_at", "project_id", "kind", "direction", "action", "shadow")
    once = models.UniqueConstraint(fields=of, name=constraint, nulls_distinct=False)
    found = ["organization_id", "project_id", "starts_at"]
    indexes = [
        models.Index(fields=found, name=by_type, condition=~models.Q(kind="")),
        models.Index(fields=found, name=together, condition=models.Q(kind="")),
    ]
    return migrations.CreateModel(
        name=name, fields=fields, options={"constraints": [once], "indexes": indexes}
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0010_usage_by_organization")]

    operations: ClassVar = [
        table("FindingBucket", "finding_bucket", "findings_by_type", "findings_together"),
        table("FindingDay", "finding_day", "finding_days_by_type", "finding_days_together"),
        migrations.RunSQL(
            [
                ROOM,
                *(protect(name, app="SELECT", ledger="SELECT, INSERT, UPDATE, DELETE") for name in TABLES),
                GRANTS,
            ],
            migrations.RunSQL.noop,
        ),
    ]
