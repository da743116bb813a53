"""Data keys of organizations, by which stored contents are encrypted."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import orbit.lib.ids
from orbit.lib.rowlevel import protect


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0027_oauth_clients")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="DataKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("generation", models.PositiveIntegerField()),
                ("sealed", models.BinaryField(null=True)),
                ("destroyed_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="data_keys",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "generation"), name="data_key_generation"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(sealed__isnull=True) ^ models.Q(destroyed_at__isnull=True),
                        name="data_key_destroyed_or_there",
                    ),
                ],
            },
        ),
        migrations.RunSQL(protect("tenants_datakey"), migrations.RunSQL.noop),
    ]
