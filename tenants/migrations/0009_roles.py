"""Roles of an organization's own."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import orbit.lib.ids
from orbit.lib.rowlevel import PERSON, protect, same_organization

HOLDER = (
    "EXISTS (SELECT FROM tenants_membership m WHERE m.custom_role_id = tenants_customrole.id "
    f"AND m.person_id = {PERSON})"
)

SQL = [
    protect("tenants_customrole", person=HOLDER),
    same_organization("tenants_membership", "custom_role_id", "tenants_customrole"),
]


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0008_key_rotation")]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
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
        migrations.CreateModel(
            name="CustomRole",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.SlugField(max_length=63)),
                (
                    "words",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        db_column="rights",
                        size=None,
                        verbose_name="rights",
                    ),
                ),
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
                        related_name="custom_roles",
                        to="tenants.organization",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="membership",
            name="custom_role",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="memberships",
                to="tenants.customrole",
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("custom_role", None),
                        ("role__in", ["owner", "admin", "developer", "finance", "auditor"]),
                    ),
                    models.Q(("custom_role__isnull", False), ("role", "")),
                    _connector="OR",
                ),
                name="membership_one_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="customrole",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="custom_role_name"),
        ),
        migrations.AddConstraint(
            model_name="customrole",
            constraint=models.UniqueConstraint(
                fields=("organization", "id"), name="custom_role_in_organization"
            ),
        ),
        migrations.AddConstraint(
            model_name="customrole",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("name__in", ["owner", "admin", "developer", "finance", "auditor"]), _negated=True
                ),
                name="custom_role_not_built_in",
            ),
        ),
        migrations.RunSQL([*SQL], migrations.RunSQL.noop),
    ]
