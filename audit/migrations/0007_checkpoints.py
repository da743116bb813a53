"""Copies of the signed checkpoints, so that pages find the one that covers an event. The files are what counts."""

from typing import ClassVar

from django.db import migrations, models

from orbit.lib.ids import uuid7
from orbit.lib.rowlevel import LEDGER, OPERATOR, protect

SQL = f"""
REVOKE ALL ON audit_checkpoint, audit_checkpointkey FROM orbit_app, {LEDGER}, {OPERATOR};
GRANT SELECT ON audit_checkpoint, audit_checkpointkey TO orbit_app, {OPERATOR};
GRANT SELECT, INSERT ON audit_checkpoint, audit_checkpointkey TO {LEDGER};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0006_retention")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("hash", models.CharField(max_length=64)),
                ("body", models.TextField()),
                ("signature", models.CharField(max_length=128)),
            ],
        ),
        migrations.CreateModel(
            name="CheckpointHead",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("number", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                ("head", models.TextField()),
                ("proof", models.JSONField()),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "seq"], name="checkpoint_by_seq")],
                "constraints": [
                    models.UniqueConstraint(fields=["organization_id", "number"], name="checkpoint_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="CheckpointKey",
            fields=[
                ("public", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("first", models.BigIntegerField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            [protect("audit_checkpointhead", app="SELECT", ledger="SELECT, INSERT"), SQL],
            migrations.RunSQL.noop,
        ),
    ]
