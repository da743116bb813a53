"""Organizations may require a second factor; all sessions of a person can be ended at once."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0019_management_keys")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="organization",
            name="requires_mfa",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="person",
            name="session_generation",
            field=models.IntegerField(default=0, editable=False),
        ),
    ]
