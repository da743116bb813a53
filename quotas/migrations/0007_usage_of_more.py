"""Rollups by day, of the whole, by end user, tag, code and limit; what is unpriced, and how long calls took.

Days and totals are summed from the quarters that are there. All else of the time before comes with `manage.py rollups
rebuild --all`, which reads the ledger.
"""

from typing import ClassVar

from django.db import migrations, models

from orbit.lib.rowlevel import LEDGER, protect

SUMS = "requests, refused, failed, input_tokens, output_tokens, cost_nano, estimated_requests"
SUMMED = ", ".join(f"sum({name})" for name in SUMS.split(", "))
OBJECT = "project_id, key_id, account_id, model, currency"
FILL = f"""
INSERT INTO quotas_usageday (organization_id, starts_at, {OBJECT}, {SUMS})
SELECT organization_id, date_trunc('day', starts_at, 'UTC'), {OBJECT}, {SUMMED} FROM quotas_usagebucket
GROUP BY organization_id, date_trunc('day', starts_at, 'UTC'), {OBJECT};
INSERT INTO quotas_usagetotal (organization_id, starts_at, currency, {SUMS})
SELECT organization_id, starts_at, currency, {SUMMED} FROM quotas_usagebucket GROUP BY organization_id, starts_at, currency;
"""
# Rows of today are written again and again: room for them on their own pages.
ROOM = "".join(
    f"ALTER TABLE {name} SET (fillfactor = 80);" for name in ("quotas_usageday", "quotas_usagetotal")
)
# A migration runs as the owner, whom forced policies bind.
UNBOUND = "ALTER TABLE quotas_usagebucket NO FORCE ROW LEVEL SECURITY;"
BOUND = "ALTER TABLE quotas_usagebucket FORCE ROW LEVEL SECURITY;"
TABLES = ("quotas_usageday", "quotas_usagetotal", "quotas_usagefacet", "quotas_facetvalue")
GRANTS = f"GRANT USAGE ON SEQUENCE {', '.join(f'{name}_id_seq' for name in TABLES)} TO {LEDGER};"


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("quotas", "0006_usage_of_objects"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="usagebucket",
            name="durations",
            field=models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
        ),
        migrations.AddField(
            model_name="usagebucket",
            name="first_tokens",
            field=models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
        ),
        migrations.AddField(
            model_name="usagebucket",
            name="unpriced_requests",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="FacetValue",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("day", models.DateField()),
                ("facet", models.CharField(max_length=10)),
                ("value", models.CharField(max_length=256)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "day", "facet", "value"), name="facet_value_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                ("requests", models.BigIntegerField(default=0)),
                ("refused", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cost_nano", models.BigIntegerField(default=0)),
                ("estimated_requests", models.BigIntegerField(default=0)),
                ("unpriced_requests", models.BigIntegerField(db_default=0, default=0)),
                (
                    "durations",
                    models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
                ),
                (
                    "first_tokens",
                    models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
                ),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("starts_at", models.DateTimeField()),
                ("project_id", models.UUIDField()),
                ("key_id", models.UUIDField()),
                ("account_id", models.UUIDField(null=True)),
                ("model", models.CharField(max_length=120)),
                ("currency", models.CharField(max_length=3)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["project_id", "starts_at"], name="usage_day_of_project"),
                    models.Index(fields=["key_id", "starts_at"], name="usage_day_of_key"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "organization_id",
                            "starts_at",
                            "project_id",
                            "key_id",
                            "account_id",
                            "model",
                            "currency",
                        ),
                        name="usage_day",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageFacet",
            fields=[
                ("requests", models.BigIntegerField(default=0)),
                ("refused", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cost_nano", models.BigIntegerField(default=0)),
                ("estimated_requests", models.BigIntegerField(default=0)),
                ("unpriced_requests", models.BigIntegerField(db_default=0, default=0)),
                (
                    "durations",
                    models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
                ),
                (
                    "first_tokens",
                    models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
                ),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("starts_at", models.DateTimeField()),
                ("project_id", models.UUIDField()),
                ("facet", models.CharField(max_length=10)),
                ("value", models.CharField(max_length=256)),
                ("currency", models.CharField(max_length=3)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "facet", "starts_at", "project_id", "value", "currency"),
                        name="usage_facet_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageTotal",
            fields=[
                ("requests", models.BigIntegerField(default=0)),
                ("refused", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cost_nano", models.BigIntegerField(default=0)),
                ("estimated_requests", models.BigIntegerField(default=0)),
                ("unpriced_requests", models.BigIntegerField(db_default=0, default=0)),
                (
                    "durations",
                    models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
                ),
                (
                    "first_tokens",
                    models.DecimalField(db_default=0, decimal_places=0, default=0, max_digits=1000),
                ),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("starts_at", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "starts_at", "currency"), name="usage_total_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            [
                UNBOUND,
                FILL,
                BOUND,
                ROOM,
                *(protect(name, app="SELECT", ledger="SELECT, INSERT, UPDATE, DELETE") for name in TABLES),
                GRANTS,
            ],
            migrations.RunSQL.noop,
        ),
    ]
