"""What narrows a key by itself, beside its policies."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0005_provider_objects")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="apikey",
            name="allow",
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
    ]
