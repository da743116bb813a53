"""What organizations agreed with providers, each behind the second wall."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from orbit.lib.rowlevel import APP, protect

SEQUENCE = f"GRANT USAGE ON SEQUENCE quotas_contractprice_id_seq TO {APP};"


class Migration(migrations.Migration):
    dependencies = [
        ("quotas", "0003_token_padding"),
        ("tenants", "0002_protect"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContractPrice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("provider", models.CharField(max_length=63)),
                ("model", models.CharField(max_length=200)),
                ("account", models.CharField(blank=True, max_length=63)),
                ("rates", models.JSONField(null=True)),
                ("discount_percent", models.DecimalField(decimal_places=4, max_digits=7, null=True)),
                ("valid_from", models.DateTimeField(null=True)),
                ("valid_until", models.DateTimeField(null=True)),
                ("source", models.CharField(blank=True, max_length=120)),
                ("author", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        fields=("organization", "provider", "model", "account", "valid_from"),
                        name="live_contract_price",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rates__isnull", True), ("discount_percent__isnull", True), _connector="XOR"
                        ),
                        name="contract_price_one_kind",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            [protect("quotas_contractprice", app="SELECT, INSERT, UPDATE"), SEQUENCE], migrations.RunSQL.noop
        ),
    ]
