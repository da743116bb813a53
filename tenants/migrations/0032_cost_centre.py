"""Which cost centre pays for a project."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0031_usage_credential")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="project",
            name="cost_centre",
            field=models.CharField(blank=True, db_default="", default="", max_length=63),
        ),
    ]
