"""Reports of providers as they were pulled, comparisons, exceptions."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.manager
from django.db import migrations, models

import orbit.lib.ids
from orbit.lib.rowlevel import APP, protect, same_organization

TABLES = [
    protect("billing_billsource"),
    same_organization("billing_billsource", "account_id", "tenants_provideraccount"),
    protect("billing_run"),
    protect("billing_billedrow"),
    f"GRANT USAGE ON SEQUENCE billing_billedrow_id_seq TO {APP};",
    protect("billing_comparison"),
    f"GRANT USAGE ON SEQUENCE billing_comparison_id_seq TO {APP};",
    protect("billing_billexception"),
]


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("tenants", "0031_usage_credential"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="BillSource",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="bills",
                        serialize=False,
                        to="tenants.provideraccount",
                    ),
                ),
                ("organization_id", models.UUIDField()),
                ("enabled", models.BooleanField(default=True)),
                ("base_url", models.CharField(blank=True, max_length=500)),
                ("own_keys", models.JSONField(default=list)),
                ("scopes", models.JSONField(default=list)),
                ("tolerances", models.JSONField(default=dict)),
                ("lag_hours", models.IntegerField(null=True)),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="BilledRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("run_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("usage", "Usage"), ("minute", "Minute"), ("cost", "Cost")], max_length=6
                    ),
                ),
                ("day", models.DateField()),
                ("starts_at", models.DateTimeField()),
                ("model", models.CharField(blank=True, max_length=200)),
                ("key", models.CharField(blank=True, max_length=200, null=True)),
                ("scope", models.CharField(blank=True, max_length=200)),
                ("apart", models.CharField(blank=True, max_length=40)),
                ("requests", models.BigIntegerField(null=True)),
                ("fresh", models.BigIntegerField(default=0)),
                ("cached", models.BigIntegerField(default=0)),
                ("write_short", models.BigIntegerField(default=0)),
                ("write_long", models.BigIntegerField(default=0)),
                ("output", models.BigIntegerField(default=0)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("part", models.CharField(blank=True, max_length=12)),
                ("amount", models.DecimalField(decimal_places=18, max_digits=36, null=True)),
                ("quantity", models.BigIntegerField(null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("raw", models.JSONField(default=dict)),
                ("pulled_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("replaced_by", models.UUIDField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("replaced_by", None)),
                        fields=["organization_id", "account_id", "kind", "day"],
                        name="billed_now",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BillException",
            fields=[
                ("id", models.UUIDField(default=orbit.lib.ids.uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("run_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("account", models.CharField(max_length=63)),
                ("day", models.DateField()),
                ("model", models.CharField(max_length=200)),
                ("cause", models.CharField(max_length=16)),
                ("tokens", models.JSONField(default=dict)),
                ("requests", models.BigIntegerField(default=0)),
                ("money_nano", models.BigIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("evidence", models.JSONField(default=list)),
                ("adjustments", models.JSONField(default=list)),
                ("facts", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("proposed", "Proposed"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("closed", "Closed"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("owner", models.CharField(blank=True, max_length=254)),
                ("proposed_by", models.CharField(blank=True, max_length=300)),
                ("settled_by", models.CharField(blank=True, max_length=300)),
                ("settled_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization_id", "state", "-id"], name="exception_by_state")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["open", "proposed"])),
                        fields=("organization_id", "account_id", "day", "model", "cause"),
                        name="one_open_exception",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Comparison",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("run_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("account", models.CharField(max_length=63)),
                ("day", models.DateField()),
                ("model", models.CharField(max_length=200)),
                ("calls", models.BigIntegerField(default=0)),
                ("ours_tokens", models.BigIntegerField(default=0)),
                ("theirs_tokens", models.BigIntegerField(default=0)),
                ("ours_nano", models.BigIntegerField(default=0)),
                ("theirs_nano", models.BigIntegerField(default=0)),
                ("estimated_nano", models.BigIntegerField(default=0)),
                ("unexplained_nano", models.BigIntegerField(default=0)),
                ("final", models.BooleanField()),
                ("parts", models.JSONField(default=list)),
                ("implied", models.JSONField(default=dict)),
                ("compared_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "day"], name="comparison_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "account_id", "day", "model"), name="comparison_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.UUIDField(default=orbit.lib.ids.uuid7, primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("account", models.CharField(max_length=63)),
                ("connector", models.CharField(max_length=24)),
                ("since", models.DateField()),
                ("until", models.DateField()),
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
                ("step", models.CharField(blank=True, default="", max_length=80)),
                ("percent", models.SmallIntegerField(default=0)),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
                ("counts", models.JSONField(default=dict)),
                ("asked_by", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("told_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "-created_at"], name="run_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "running"])),
                        fields=("organization_id", "account_id"),
                        name="one_run_of_an_account",
                    ),
                    models.UniqueConstraint(fields=("organization_id", "id"), name="run_in_organization"),
                ],
            },
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
