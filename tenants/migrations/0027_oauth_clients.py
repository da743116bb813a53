"""OAuth clients of the management API: whose they are, and what they open."""

from typing import Any, ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import orbit.lib.ids
from orbit.lib.rowlevel import APP, LEDGER, OPERATOR, protect

TABLES = [
    protect("tenants_oauthclient"),
    # As in 0015_deletion: nothing but a purge deletes one.
    (
        f"CREATE POLICY purge ON tenants_oauthclient AS RESTRICTIVE FOR DELETE TO {APP} USING (EXISTS (SELECT FROM "
        "tenants_organization o WHERE o.id = tenants_oauthclient.organization_id "
        "AND o.purge_at <= statement_timestamp()));"
    ),
    f"REVOKE ALL ON tenants_operatorclient FROM {APP}, {LEDGER}, {OPERATOR};",
    f"GRANT SELECT, INSERT, UPDATE ON tenants_operatorclient TO {OPERATOR};",
]


def _fields() -> list[tuple[str, Any]]:
    words = django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=40), db_column="scopes", size=None, verbose_name="scopes"
    )
    return [
        (
            "id",
            models.UUIDField(default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        ("words", words),
        ("revoked_at", models.DateTimeField(blank=True, null=True)),
        ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
        ("created_by", models.CharField(max_length=254)),
        ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
    ]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0025_secret_use")]
    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="operatorkey",
            options={"permissions": [("revoke_operatorkey", "Can revoke operators' keys and OAuth clients")]},
        ),
        migrations.CreateModel(
            name="OperatorClient",
            fields=[*_fields(), ("name", models.SlugField(max_length=63, unique=True))],
            options={"verbose_name": "operators' OAuth client"},
        ),
        migrations.CreateModel(
            name="OAuthClient",
            fields=[
                *_fields(),
                ("name", models.SlugField(max_length=63)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="oauth_clients",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "OAuth client",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None)),
                        fields=("organization", "name"),
                        name="oauth_client_name",
                    )
                ],
            },
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
