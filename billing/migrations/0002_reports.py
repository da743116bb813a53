"""Saved reports and that each period's was mailed; alerts of budgets, what they said, and by which way. Rates of exchange,
proposed contract prices."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from orbit.lib.ids import uuid7
from orbit.lib.rowlevel import APP, OPERATOR, protect, same_organization

TABLES = [
    protect("billing_reportview"),
    protect("billing_reportmail"),
    same_organization("billing_reportmail", "view_id", "billing_reportview"),
    protect("billing_alert"),
    protect("billing_notice", app="SELECT, INSERT, DELETE"),
    protect("billing_noticedelivery"),
    protect("billing_priceproposal", app="SELECT, INSERT, UPDATE"),
    same_organization("billing_noticedelivery", "notice_id", "billing_notice"),
    f"GRANT SELECT ON billing_exchangerate TO {APP}, {OPERATOR};",
    f"GRANT INSERT ON billing_exchangerate TO {OPERATOR};",
    f"GRANT USAGE ON SEQUENCE billing_exchangerate_id_seq TO {OPERATOR};",
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0001_initial")]
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
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("name", models.CharField(max_length=63)),
                ("budget", models.CharField(blank=True, default="", max_length=63)),
                ("percents", models.JSONField(default=list)),
                ("on_forecast", models.BooleanField(default=False)),
                ("recipients", models.JSONField(default=list)),
                (
                    "hook_form",
                    models.CharField(
                        choices=[("orbit", "Orbit"), ("slack", "Slack")], default="orbit", max_length=8
                    ),
                ),
                ("hook_host", models.CharField(blank=True, default="", max_length=260)),
                ("hook_sealed", models.BinaryField(null=True)),
                ("author", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization_id", "name"), name="alert_name"),
                    models.UniqueConstraint(fields=("organization_id", "id"), name="alert_in_organization"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("alert_id", models.UUIDField()),
                ("alert_name", models.CharField(max_length=63)),
                ("counter", models.CharField(max_length=300)),
                ("starts_at", models.DateTimeField()),
                ("threshold", models.CharField(max_length=16)),
                ("facts", models.JSONField(default=dict)),
                ("is_silent", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "-id"], name="notice_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("alert_id", "counter", "starts_at", "threshold"), name="notice_once"
                    ),
                    models.UniqueConstraint(fields=("organization_id", "id"), name="notice_in_organization"),
                ],
            },
        ),
        migrations.CreateModel(
            name="NoticeDelivery",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("way", models.CharField(max_length=8)),
                ("to", models.CharField(max_length=260)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("tries", models.SmallIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="billing.notice",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "notice deliveries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("sent_at__isnull", True)),
                        fields=["claimed_at"],
                        name="notice_unsent",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("notice", "way", "to"), name="notice_delivery_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("base", models.CharField(max_length=3)),
                ("quote", models.CharField(max_length=3)),
                ("rate", models.DecimalField(decimal_places=10, max_digits=20)),
                ("source", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(db_default=Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("base", "quote", "day"), name="exchange_rate_once"),
                    models.CheckConstraint(
                        condition=models.Q(("rate__gt", 0)), name="exchange_rate_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceProposal",
            fields=[
                ("id", models.UUIDField(default=uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("provider", models.CharField(max_length=63)),
                ("model", models.CharField(max_length=200)),
                ("account", models.CharField(blank=True, max_length=63)),
                ("rates", models.JSONField(null=True)),
                ("discount_percent", models.DecimalField(decimal_places=4, max_digits=7, null=True)),
                ("valid_from", models.DateTimeField(null=True)),
                ("valid_until", models.DateTimeField(null=True)),
                ("source", models.CharField(blank=True, max_length=120)),
                ("author", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("approved", "Approved"), ("refused", "Refused")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("decided_by", models.CharField(blank=True, default="", max_length=254)),
                ("decided_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("price_id", models.BigIntegerField(null=True)),
            ],
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
