"""Reports may tell single calls."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0005_told_once")]
    operations: ClassVar = [
        migrations.AlterField(
            "billedrow",
            "kind",
            models.CharField(
                choices=[("usage", "Usage"), ("minute", "Minute"), ("cost", "Cost"), ("call", "Call")],
                max_length=6,
            ),
        ),
    ]
