"""Service accounts, and keys with an owner."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import orbit.lib.ids
from orbit.lib.rowlevel import protect, same_organization

# A key's service account is one of its own project, and so of its organization.
SAME_PROJECT = """
ALTER TABLE tenants_apikey ADD CONSTRAINT tenants_apikey_service_account_id_same_project
    FOREIGN KEY (organization_id, project_id, service_account_id)
    REFERENCES tenants_serviceaccount (organization_id, project_id, id) DEFERRABLE INITIALLY DEFERRED;
"""

SQL = [
    protect("tenants_serviceaccount", app="SELECT, INSERT, UPDATE"),
    same_organization("tenants_serviceaccount", "project_id", "tenants_project"),
    SAME_PROJECT,
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0013_ceiling")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="apikey",
            name="person",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="keys",
                to=settings.AUTH_USER_MODEL,
                verbose_name="own key of",
            ),
        ),
        migrations.CreateModel(
            name="ServiceAccount",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.SlugField(max_length=63)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="service_accounts",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="service_accounts",
                        to="tenants.project",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="apikey",
            name="service_account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="keys",
                to="tenants.serviceaccount",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("person", None), ("service_account", None), _connector="OR"),
                name="key_one_owner",
            ),
        ),
        migrations.AddConstraint(
            model_name="serviceaccount",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("project", "name"),
                name="service_account_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="serviceaccount",
            constraint=models.UniqueConstraint(
                fields=("organization", "project", "id"), name="service_account_in_project"
            ),
        ),
        migrations.RunSQL([*SQL], migrations.RunSQL.noop),
    ]
