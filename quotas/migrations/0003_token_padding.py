"""Measured paddings of providers' tokenizers: read by every role, written by the operator."""

from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from orbit.lib.rowlevel import APP, LEDGER, OPERATOR

RIGHTS = f"""
GRANT SELECT ON quotas_tokenpadding TO {APP}, {LEDGER}, {OPERATOR};
GRANT INSERT ON quotas_tokenpadding TO {OPERATOR};
GRANT USAGE ON SEQUENCE quotas_tokenpadding_id_seq TO {OPERATOR};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0002_protect")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="TokenPadding",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("provider", models.CharField(max_length=63)),
                ("model_prefix", models.CharField(max_length=200)),
                ("factor", models.DecimalField(decimal_places=3, max_digits=4)),
                ("source", models.CharField(max_length=120)),
                ("valid_from", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "model_prefix", "valid_from"), name="padding_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("factor__range", ("0.5", "5"))), name="padding_factor"
                    ),
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
