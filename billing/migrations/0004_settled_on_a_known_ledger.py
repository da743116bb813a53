"""Up to where of the ledger an exception was checked; how often a run was tried."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0003_whose_and_told")]
    operations: ClassVar = [
        migrations.AddField("billexception", "checked_seq", models.BigIntegerField(default=0)),
        migrations.AddField("run", "tries", models.SmallIntegerField(default=0)),
    ]
