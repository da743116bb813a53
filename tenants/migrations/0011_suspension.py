"""Keys can be suspended; suspensions have a reason."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0010_invitations")]

    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="organization",
            options={
                "permissions": [
                    ("suspend_organization", "Can suspend and resume organizations, projects and keys")
                ]
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="suspended_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="suspended_for",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="organization",
            name="suspended_for",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="project",
            name="suspended_for",
            field=models.CharField(blank=True, max_length=200),
        ),
    ]
