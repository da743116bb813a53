"""What is known of models: read by every role, written when a model is routed and by the operator."""

from typing import ClassVar

from django.db import migrations, models

from orbit.lib.rowlevel import APP, LEDGER, OPERATOR

RIGHTS = f"""
GRANT SELECT ON quotas_modelfacts TO {LEDGER};
GRANT SELECT, INSERT, UPDATE ON quotas_modelfacts TO {APP}, {OPERATOR};
GRANT USAGE ON SEQUENCE quotas_modelfacts_id_seq TO {APP}, {OPERATOR};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("quotas", "0004_contract_prices")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="ModelFacts",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("provider", models.CharField(max_length=63)),
                ("model", models.CharField(max_length=200)),
                ("context_window", models.BigIntegerField(null=True)),
                ("max_output", models.BigIntegerField(null=True)),
                ("inputs", models.JSONField(default=list)),
                ("outputs", models.JSONField(default=list)),
                ("deprecated", models.CharField(max_length=200, null=True)),
                ("retires_on", models.DateField(null=True)),
                ("source", models.CharField(max_length=300)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "model"), name="model_facts_once"),
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
