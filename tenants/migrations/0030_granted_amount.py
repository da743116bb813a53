"""Requests that were approved for less than was asked for."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0029_credential_at")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="policyrequest",
            name="granted",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
    ]
