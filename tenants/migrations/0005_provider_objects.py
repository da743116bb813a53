"""Who owns what providers keep, behind the same two walls as every table of an organization."""

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import orbit.lib.ids
from orbit.lib.rowlevel import protect, same_organization

OBJECTS = [
    protect("tenants_providerobject", app="SELECT, INSERT, DELETE"),
    same_organization("tenants_providerobject", "account_id", "tenants_provideraccount"),
    same_organization("tenants_providerobject", "project_id", "tenants_project"),
]


def _belongs_to(model: str) -> Any:
    return models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=model)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0004_protect_fallbacks")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="ProviderObject",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(choices=[("response", "Response"), ("item", "Item")], max_length=16),
                ),
                ("object_id", models.CharField(max_length=200)),
                ("response_id", models.CharField(max_length=200)),
                ("model", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("account", _belongs_to("tenants.provideraccount")),
                ("organization", _belongs_to("tenants.organization")),
                ("project", _belongs_to("tenants.project")),
            ],
            options={
                "indexes": [models.Index(fields=["account", "response_id"], name="provider_object_parts")],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "object_id"), name="provider_object_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["response", "item"])), name="provider_object_kind"
                    ),
                ],
            },
        ),
        migrations.RunSQL([*OBJECTS], migrations.RunSQL.noop),
    ]
