"""Since when an account's credential is the one that it is. Of those that are there already nobody knows."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0028_data_keys")]

    operations = [
        migrations.AddField(
            model_name="provideraccount",
            name="credential_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
