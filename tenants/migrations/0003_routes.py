"""Routes: several targets, fallbacks, and how hard each is tried. More kinds of account."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import orbit.lib.ids
import tenants.kinds


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("tenants", "0002_protect"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ModelFallback",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.SmallIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="modelalias",
            name="affinity",
            field=models.CharField(
                choices=[
                    ("none", "None"),
                    ("key", "Key"),
                    ("end_user", "End User"),
                    ("conversation", "Conversation"),
                ],
                default="none",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="connect_s",
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="context_window",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="deprecated",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="first_byte_s",
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="gap_s",
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="max_output_tokens",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="retries",
            field=models.SmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="modelalias",
            name="total_s",
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="provideraccount",
            name="kind",
            field=models.CharField(choices=tenants.kinds.choices, max_length=24),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(("retries__range", (0, 5))), name="route_retries"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(("affinity__in", ["none", "key", "end_user", "conversation"])),
                name="route_affinity",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(("connect_s", None), ("connect_s__range", (1, 60)), _connector="OR"),
                name="route_connect_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("first_byte_s", None), ("first_byte_s__range", (1, 3600)), _connector="OR"
                ),
                name="route_first_byte_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(("gap_s", None), ("gap_s__range", (1, 3600)), _connector="OR"),
                name="route_gap_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(("total_s", None), ("total_s__range", (1, 7200)), _connector="OR"),
                name="route_total_s",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(("context_window", None), ("context_window__gte", 1), _connector="OR"),
                name="route_context_window",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelalias",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("max_output_tokens", None), ("max_output_tokens__gte", 1), _connector="OR"
                ),
                name="route_max_output_tokens",
            ),
        ),
        migrations.AddConstraint(
            model_name="modeltarget",
            constraint=models.UniqueConstraint(fields=("alias", "account", "model"), name="target_once"),
        ),
        migrations.AddConstraint(
            model_name="modeltarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight__range", (0, 1000))), name="target_weight"
            ),
        ),
        migrations.AddConstraint(
            model_name="modeltarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("position__range", (0, 7))), name="target_count"
            ),
        ),
        migrations.AddField(
            model_name="modelfallback",
            name="alias",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="fallbacks", to="tenants.modelalias"
            ),
        ),
        migrations.AddField(
            model_name="modelfallback",
            name="fallback",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="fallback_of",
                to="tenants.modelalias",
            ),
        ),
        migrations.AddField(
            model_name="modelfallback",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelfallback",
            constraint=models.UniqueConstraint(fields=("alias", "position"), name="fallback_position"),
        ),
        migrations.AddConstraint(
            model_name="modelfallback",
            constraint=models.UniqueConstraint(fields=("alias", "fallback"), name="fallback_once"),
        ),
        migrations.AddConstraint(
            model_name="modelfallback",
            constraint=models.CheckConstraint(
                condition=models.Q(("alias", models.F("fallback")), _negated=True), name="fallback_not_itself"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelfallback",
            constraint=models.CheckConstraint(
                condition=models.Q(("position__range", (0, 3))), name="fallback_count"
            ),
        ),
    ]
