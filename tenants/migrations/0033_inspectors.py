"""Inspectors outside of the gateway, one organization's each."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import dlp.external.registry
import orbit.lib.ids
from orbit.lib.rowlevel import protect


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("tenants", "0032_cost_centre"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Inspector",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.SlugField(max_length=63)),
                ("kind", models.CharField(choices=dlp.external.registry.choices, max_length=24)),
                ("base_url", models.CharField(max_length=500)),
                ("options", models.JSONField(default=dict)),
                ("price_nano", models.BigIntegerField(default=0)),
                (
                    "price_per",
                    models.CharField(
                        choices=[("thousand_requests", "1,000 requests"), ("gigabyte", "gigabyte of text")],
                        default="thousand_requests",
                        max_length=24,
                    ),
                ),
                ("credential_ref", models.CharField(blank=True, max_length=500)),
                ("credential_sealed", models.BinaryField(blank=True, null=True)),
                ("credential_hint", models.CharField(blank=True, editable=False, max_length=24)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="inspectors",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "name"), name="inspector_name"),
                    models.CheckConstraint(
                        condition=models.Q(("price_nano__gte", 0)), name="inspector_price"
                    ),
                ],
            },
        ),
        migrations.RunSQL(protect("tenants_inspector"), migrations.RunSQL.noop),
    ]
