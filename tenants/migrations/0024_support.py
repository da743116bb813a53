"""For operators: keys are found by their hint, and revoked with a permission of its own."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0022_single_sign_on")]
    operations: ClassVar = [
        migrations.AlterModelOptions(
            name="apikey",
            options={
                "permissions": [("revoke_apikey", "Can revoke API keys of every organization")],
                "verbose_name": "API key",
            },
        ),
        migrations.AddIndex(model_name="apikey", index=models.Index(fields=["hint"], name="key_hint")),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                fields=["organization"],
                condition=models.Q(("suspended_at__isnull", False)),
                name="key_suspended",
            ),
        ),
        migrations.AddIndex(
            model_name="keyuse",
            index=models.Index(fields=["organization_id", "-used_at"], name="key_use_latest"),
        ),
    ]
