"""Secrets that a rotation replaced, found like those of today, and schedules of rotations."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import orbit.lib.ids
from orbit.lib.rowlevel import KEYFINDER, protect, same_organization

FORMER = [
    protect("tenants_formersecret", app="SELECT, INSERT, UPDATE"),
    same_organization("tenants_formersecret", "key_id", "tenants_apikey"),
]

# As in 0002_protect, now also from a former secret's digest to its key.
FIND_KEY = f"""
GRANT {KEYFINDER} TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO {KEYFINDER};
GRANT SELECT (key_id, organization_id, digest) ON tenants_formersecret TO {KEYFINDER};
CREATE POLICY keyfinder ON tenants_formersecret FOR SELECT TO {KEYFINDER} USING (true);
CREATE OR REPLACE FUNCTION orbit_find_key(wanted bytea) RETURNS TABLE (key_id uuid, organization_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT k.id, k.organization_id FROM public.tenants_apikey k WHERE k.digest = wanted
        UNION ALL
        SELECT f.key_id, f.organization_id FROM public.tenants_formersecret f WHERE f.digest = wanted';
REVOKE CREATE ON SCHEMA public FROM {KEYFINDER};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0007_key_use")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="apikey", name="rotated_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="apikey",
            name="rotate_after_days",
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey", name="rotation_due_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="apikey",
            name="rotation_told_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                condition=models.Q(("revoked_at", None), ("rotation_due_at__isnull", False)),
                fields=["rotation_due_at"],
                name="rotation_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(fields=("organization", "id"), name="key_in_organization"),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("rotate_after_days", None),
                    models.Q(("rotate_after_days__range", (1, 3650)), ("rotation_due_at__isnull", False)),
                    _connector="OR",
                ),
                name="key_rotate_after_days",
            ),
        ),
        migrations.CreateModel(
            name="FormerSecret",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.BinaryField(editable=False, max_length=32, unique=True)),
                ("hint", models.CharField(editable=False, max_length=24)),
                ("works_until", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="former_secrets",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
        ),
        migrations.RunSQL([*FORMER, FIND_KEY], migrations.RunSQL.noop),
    ]
