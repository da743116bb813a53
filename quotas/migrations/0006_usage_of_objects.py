"""Sums of one project or key do not read all of its organization's."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0005_model_facts")]
    operations: ClassVar = [
        migrations.AddIndex(
            model_name="usagebucket",
            index=models.Index(fields=["project_id", "starts_at"], name="usage_of_project"),
        ),
        migrations.AddIndex(
            model_name="usagebucket",
            index=models.Index(fields=["key_id", "starts_at"], name="usage_of_key"),
        ),
    ]
