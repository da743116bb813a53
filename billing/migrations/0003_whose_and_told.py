"""Who asked, by person; what an alarm told and to whom; who has a report already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_reports")]

    operations = [
        migrations.AddField("PriceProposal", "author_id", models.BigIntegerField(null=True)),
        migrations.AddField("Run", "asker_id", models.BigIntegerField(null=True)),
        migrations.AddField("BillException", "alarmed_nano", models.BigIntegerField(null=True)),
        migrations.AddField(
            "BillException", "mail_waits", models.BooleanField(default=False, db_default=False)
        ),
        migrations.AddField("BillException", "mailed_to", models.JSONField(default=list)),
        migrations.AddField("ReportMail", "sent_to", models.JSONField(default=list)),
    ]
