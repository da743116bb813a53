"""Files of the ledger that are made in the background, piece by piece."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from orbit.lib.ids import uuid7
from orbit.lib.rowlevel import APP, protect, same_organization

TABLES = [
    protect("audit_export"),
    protect("audit_exportpart"),
    f"GRANT USAGE ON SEQUENCE audit_exportpart_id_seq TO {APP};",
    same_organization("audit_exportpart", "export_id", "audit_export"),
    # compressed already
    "ALTER TABLE audit_exportpart ALTER COLUMN content SET STORAGE EXTERNAL;",
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0010_find_refusals")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                (
                    "format",
                    models.CharField(
                        choices=[("jsonl", "Jsonl"), ("csv", "Csv"), ("parquet", "Parquet")], max_length=8
                    ),
                ),
                ("asked", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("asked_by", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("told_at", models.DateTimeField(db_default=Now())),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
                ("first", models.BigIntegerField(null=True)),
                ("last", models.BigIntegerField(null=True)),
                ("place", models.BigIntegerField(default=0)),
                ("events", models.BigIntegerField(default=0)),
                ("size", models.BigIntegerField(default=0)),
                ("parts", models.IntegerField(default=0)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization_id", "-created_at"], name="export_newest"),
                    models.Index(fields=["expires_at"], name="export_expires"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("organization_id", "id"), name="export_in_organization")
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportPart",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("number", models.IntegerField()),
                ("content", models.BinaryField()),
                ("facts", models.JSONField(default=dict)),
                (
                    "export",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pieces",
                        to="audit.export",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("export", "number"), name="export_part_once")
                ],
            },
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
