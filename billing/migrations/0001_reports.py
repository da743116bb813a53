"""Saved reports, and that each period's was mailed."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from orbit.lib.ids import uuid7
from orbit.lib.rowlevel import protect, same_organization

TABLES = [
    protect("billing_reportview"),
    protect("billing_reportmail"),
    same_organization("billing_reportmail", "view_id", "billing_reportview"),
]


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = [("orbit", "0001_roles")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="ReportView",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("name", models.CharField(max_length=63)),
                ("words", models.JSONField(default=dict)),
                (
                    "schedule",
                    models.CharField(
                        choices=[("never", "Never"), ("day", "Day"), ("week", "Week"), ("month", "Month")],
                        default="never",
                        max_length=8,
                    ),
                ),
                (
                    "form",
                    models.CharField(
                        choices=[("csv", "Csv"), ("xlsx", "Xlsx"), ("pdf", "Pdf"), ("json", "Json")],
                        default="xlsx",
                        max_length=8,
                    ),
                ),
                ("recipients", models.JSONField(default=list)),
                ("author", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("scheduled_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization_id", "name"), name="report_view_name"),
                    models.UniqueConstraint(
                        fields=("organization_id", "id"), name="report_view_in_organization"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReportMail",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("period", models.DateTimeField()),
                ("claimed_at", models.DateTimeField()),
                ("tries", models.SmallIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
                (
                    "view",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mails",
                        to="billing.reportview",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("view", "period"), name="report_mail_once"),
                ],
            },
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
