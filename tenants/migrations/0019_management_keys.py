"""Credentials of the management API, and the answers that repeated creations get."""

from typing import Any, ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import orbit.lib.ids
from orbit.lib.rowlevel import APP, KEYFINDER, LEDGER, OPERATOR, protect

TABLES = [
    protect("tenants_managementkey", app="SELECT, INSERT, UPDATE, DELETE"),
    # As in 0015_deletion: nothing but a purge deletes one.
    (
        f"CREATE POLICY purge ON tenants_managementkey AS RESTRICTIVE FOR DELETE TO {APP} USING (EXISTS (SELECT FROM "
        "tenants_organization o WHERE o.id = tenants_managementkey.organization_id "
        "AND o.purge_at <= statement_timestamp()));"
    ),
    protect("tenants_idempotentanswer"),
    f"REVOKE ALL ON tenants_operatorkey FROM {APP}, {LEDGER}, {OPERATOR};",
    f"GRANT SELECT, INSERT, UPDATE ON tenants_operatorkey TO {OPERATOR};",
]

# As in 0002_protect: from a key's digest to its two ids, before its organization is known.
FIND_KEY = f"""
CREATE FUNCTION orbit_find_management_key(wanted bytea) RETURNS TABLE (key_id uuid, organization_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT k.id, k.organization_id FROM public.tenants_managementkey k WHERE k.digest = wanted';
GRANT {KEYFINDER} TO CURRENT_USER;
GRANT CREATE ON SCHEMA public TO {KEYFINDER};
ALTER FUNCTION orbit_find_management_key(bytea) OWNER TO {KEYFINDER};
REVOKE CREATE ON SCHEMA public FROM {KEYFINDER};
REVOKE ALL ON FUNCTION orbit_find_management_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION orbit_find_management_key(bytea) TO {APP};
GRANT SELECT (id, organization_id, digest) ON tenants_managementkey TO {KEYFINDER};
CREATE POLICY keyfinder ON tenants_managementkey FOR SELECT TO {KEYFINDER} USING (true);
"""


def _key_fields() -> list[tuple[str, Any]]:
    words = django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=40), db_column="scopes", size=None, verbose_name="scopes"
    )
    return [
        ("id", _id()),
        ("words", words),
        ("digest", models.BinaryField(editable=False, max_length=32, unique=True)),
        ("hint", models.CharField(editable=False, max_length=24)),
        ("expires_at", models.DateTimeField(blank=True, null=True)),
        ("revoked_at", models.DateTimeField(blank=True, null=True)),
        ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
        ("created_by", models.CharField(max_length=254)),
        ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
    ]


def _id() -> Any:
    return models.UUIDField(default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False)


def _organization(related_name: str) -> Any:
    cascade = django.db.models.deletion.CASCADE
    return models.ForeignKey(on_delete=cascade, related_name=related_name, to="tenants.organization")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0018_policy_requests")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="OperatorKey",
            fields=[*_key_fields(), ("name", models.SlugField(max_length=63, unique=True))],
        ),
        migrations.CreateModel(
            name="ManagementKey",
            fields=[
                *_key_fields(),
                ("name", models.SlugField(max_length=63)),
                ("organization", _organization("management_keys")),
                (
                    "person",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="own key of",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None)),
                        fields=("organization", "name"),
                        name="management_key_name",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotentAnswer",
            fields=[
                ("id", _id()),
                ("caller", models.CharField(max_length=254)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.BinaryField(editable=False, max_length=32)),
                ("status", models.SmallIntegerField(default=0)),
                ("sealed", models.BinaryField(default=bytes, editable=False)),
                ("created_at", models.DateTimeField(db_default=Now(), db_index=True, editable=False)),
                ("organization", _organization("+")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "caller", "key"), name="idempotent_once")
                ],
            },
        ),
        migrations.RunSQL([*TABLES, FIND_KEY], migrations.RunSQL.noop),
    ]
