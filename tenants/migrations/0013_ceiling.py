"""The operator's policy over an organization's own, and who founded it."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0012_approval")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="organization",
            name="ceiling",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="ceiling_revision",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="organization",
            name="founded_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
