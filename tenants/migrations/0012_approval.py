"""People may have to wait for an operator's approval."""

from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0011_suspension")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="person",
            name="approved_at",
            field=models.DateTimeField(blank=True, default=django.utils.timezone.now, null=True),
        ),
        migrations.AddField(
            model_name="person",
            name="approved_by",
            field=models.CharField(blank=True, max_length=254),
        ),
    ]
