"""The credential by which a provider's reports of usage and costs are read."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0030_granted_amount")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="provideraccount",
            name="usage_credential_ref",
            field=models.CharField(blank=True, db_default="", max_length=500),
        ),
        migrations.AddField(
            model_name="provideraccount",
            name="usage_credential_sealed",
            field=models.BinaryField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="provideraccount",
            name="usage_credential_hint",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=24),
        ),
    ]
