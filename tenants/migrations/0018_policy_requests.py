"""Requests for more of a limit or for a model, behind the same two walls as every table of an organization."""

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import orbit.lib.ids
from orbit.lib.rowlevel import protect, same_organization

REQUESTS = [
    protect("tenants_policyrequest"),
    same_organization("tenants_policyrequest", "policy_id", "tenants_policy"),
]
STATES = ["open", "approved", "refused", "ended"]


def _belongs_to(model: str, related_name: str) -> Any:
    return models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to=model)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0017_revisions_stay")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="PolicyRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=orbit.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("limit", models.CharField(blank=True, max_length=63)),
                ("amount", models.CharField(blank=True, max_length=32)),
                ("model", models.CharField(blank=True, max_length=120)),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(max_length=500)),
                ("requested_by", models.CharField(max_length=254)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[(one, one.capitalize()) for one in STATES], default="open", max_length=8
                    ),
                ),
                ("decided_by", models.CharField(blank=True, max_length=254)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision", models.CharField(blank=True, max_length=500)),
                ("revision", models.IntegerField(null=True)),
                ("organization", _belongs_to("tenants.organization", "+")),
                ("policy", _belongs_to("tenants.policy", "requests")),
            ],
            options={
                "indexes": [models.Index(fields=["state", "until"], name="policy_request_ends")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("limit", ""), ("model", ""), _connector="XOR"),
                        name="policy_request_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", STATES)), name="policy_request_state"
                    ),
                ],
            },
        ),
        migrations.RunSQL([*REQUESTS], migrations.RunSQL.noop),
    ]
