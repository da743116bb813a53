"""Sign-in by an organization's own provider, behind the same two walls as every table of an organization."""

from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import orbit.lib.ids
from orbit.lib.rowlevel import protect, same_organization

TABLES = [
    protect("tenants_domain"),
    protect("tenants_grouprole"),
    protect("tenants_identityprovider"),
    protect("tenants_providersession"),
    same_organization("tenants_grouprole", "custom_role_id", "tenants_customrole"),
    same_organization("tenants_identityprovider", "default_custom_role_id", "tenants_customrole"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("tenants", "0021_sign_in"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Domain",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=253)),
                ("token", models.CharField(editable=False, max_length=64)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GroupRole",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("group", models.CharField(max_length=255)),
                ("position", models.SmallIntegerField()),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("developer", "Developer"),
                            ("finance", "Finance"),
                            ("auditor", "Auditor"),
                        ],
                        max_length=10,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IdentityProvider",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("issuer", models.CharField(max_length=500)),
                ("client_id", models.CharField(max_length=255)),
                ("secret_sealed", models.BinaryField()),
                ("groups_claim", models.CharField(default="groups", max_length=120)),
                (
                    "default_role",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("developer", "Developer"),
                            ("finance", "Finance"),
                            ("auditor", "Auditor"),
                        ],
                        max_length=10,
                    ),
                ),
                ("takes_unmarked", models.BooleanField(default=False)),
                ("passwords", models.BooleanField(default=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProviderSession",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("subject", models.CharField(max_length=191)),
                (
                    "source",
                    models.CharField(
                        choices=[("userinfo", "Userinfo"), ("id_token", "Id Token")], max_length=8
                    ),
                ),
                ("access_sealed", models.BinaryField()),
                ("refresh_sealed", models.BinaryField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="membership",
            name="origin",
            field=models.CharField(
                choices=[("hand", "Hand"), ("provider", "Provider")], default="hand", max_length=8
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin__in", ["hand", "provider"])), name="membership_origin"
            ),
        ),
        migrations.AddField(
            model_name="domain",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="domains", to="tenants.organization"
            ),
        ),
        migrations.AddField(
            model_name="grouprole",
            name="custom_role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="tenants.customrole",
            ),
        ),
        migrations.AddField(
            model_name="grouprole",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
            ),
        ),
        migrations.AddField(
            model_name="identityprovider",
            name="default_custom_role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="tenants.customrole",
            ),
        ),
        migrations.AddField(
            model_name="identityprovider",
            name="organization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="identity_provider",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="providersession",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
            ),
        ),
        migrations.AddField(
            model_name="providersession",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="domain_once"),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.UniqueConstraint(
                condition=models.Q(("verified_at__isnull", False)), fields=("name",), name="domain_one_owner"
            ),
        ),
        migrations.AddConstraint(
            model_name="grouprole",
            constraint=models.UniqueConstraint(fields=("organization", "group"), name="group_has_one_role"),
        ),
        migrations.AddConstraint(
            model_name="grouprole",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("custom_role", None),
                        ("role__in", ["owner", "admin", "developer", "finance", "auditor"]),
                    ),
                    models.Q(("custom_role__isnull", False), ("role", "")),
                    _connector="OR",
                ),
                name="group_one_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="identityprovider",
            constraint=models.CheckConstraint(
                condition=models.Q(("default_custom_role", None), ("default_role", ""), _connector="OR"),
                name="provider_one_default_role",
            ),
        ),
        migrations.AddIndex(
            model_name="providersession",
            index=models.Index(fields=["created_at"], name="provider_session_age"),
        ),
        migrations.RunSQL([*TABLES], migrations.RunSQL.noop),
    ]
