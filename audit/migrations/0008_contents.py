"""Stored prompts and answers, encrypted, and what was asked to be erased of them."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now

from orbit.lib.rowlevel import APP, protect

TABLES = [
    protect("audit_content", app="SELECT, INSERT, DELETE"),
    protect("audit_contenterasure", app="SELECT, INSERT, DELETE"),
    f"GRANT USAGE ON SEQUENCE audit_content_id_seq, audit_contenterasure_id_seq TO {APP};",
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0007_checkpoints")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Content",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("event_id", models.UUIDField()),
                (
                    "part",
                    models.CharField(choices=[("request", "Request"), ("answer", "Answer")], max_length=8),
                ),
                ("generation", models.IntegerField()),
                ("sealed", models.BinaryField()),
                (
                    "mode",
                    models.CharField(choices=[("redacted", "Redacted"), ("full", "Full")], max_length=8),
                ),
                ("content_type", models.CharField(max_length=100)),
                ("spoken", models.CharField(max_length=80)),
                ("size", models.BigIntegerField()),
                ("truncated", models.BooleanField()),
                ("key_id", models.UUIDField()),
                ("end_user", models.CharField(max_length=256, null=True)),
                ("admitted_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["expires_at"], name="content_expires"),
                    models.Index(fields=["organization_id", "key_id"], name="content_of_key"),
                    models.Index(fields=["organization_id", "generation"], name="content_of_generation"),
                    models.Index(
                        condition=models.Q(("end_user__isnull", False)),
                        fields=["organization_id", "end_user"],
                        name="content_of_user",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "event_id", "part"), name="content_part_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContentErasure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("event_id", models.UUIDField(null=True)),
                ("key_id", models.UUIDField(null=True)),
                ("end_user", models.CharField(max_length=256, null=True)),
                ("until", models.DateTimeField(db_default=Now())),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "until"], name="content_erasure_of")],
            },
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
