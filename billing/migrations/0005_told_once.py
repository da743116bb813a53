"""Up to when rules have watched keys. Notices and mails of reports are known by the first day of their period where the
organization was, not by its moment, which another time zone moves. Exceptions that were told before alarms were noted count as told.
"""

from typing import ClassVar

from django.db import migrations, models

# A migration runs as the owner, whom forced policies bind.
TABLES = (
    "billing_notice", "billing_reportmail", "billing_billexception", "billing_comparison", "tenants_organization",
)  # fmt: skip
UNBOUND = "".join(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY;" for name in TABLES)
BOUND = "".join(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;" for name in TABLES)
# Where two rows come to the same day, it was told twice: one of them stays as it is.
NOTICES = """
WITH days AS (
    SELECT id, alert_id, counter, threshold, starts_at,
        date_trunc('day', starts_at AT TIME ZONE (facts->>'time_zone')) AT TIME ZONE 'UTC' AS day
    FROM billing_notice WHERE facts->>'starts_at' IS NOT NULL AND facts->>'time_zone' IS NOT NULL
), firsts AS (
    SELECT id, day, row_number() OVER (
        PARTITION BY alert_id, counter, threshold, day ORDER BY (starts_at = day) DESC, starts_at, id) AS place FROM days
)
UPDATE billing_notice SET starts_at = day FROM firsts
WHERE firsts.id = billing_notice.id AND place = 1 AND starts_at <> day;"""
MAILS = """
WITH days AS (
    SELECT mail.id, view_id, period, date_trunc('day', period AT TIME ZONE time_zone) AT TIME ZONE 'UTC' AS day
    FROM billing_reportmail AS mail JOIN tenants_organization AS organization ON organization.id = mail.organization_id
), firsts AS (
    SELECT id, day, row_number() OVER (PARTITION BY view_id, day ORDER BY (period = day) DESC, period, id) AS place FROM days
)
UPDATE billing_reportmail SET period = day FROM firsts
WHERE firsts.id = billing_reportmail.id AND place = 1 AND period <> day;"""
# As billing.reconcile.alarms sees it; whatever else has no amount yet was never worth an alarm.
ALARMS = """
UPDATE billing_billexception AS row SET alarmed_nano = money_nano
WHERE alarmed_nano IS NULL AND state IN ('open', 'proposed') AND (cause = 'outside' OR cause = 'price' AND abs(money_nano) >
    0.01 * greatest(1, (SELECT coalesce(sum(ours_nano), 0) FROM billing_comparison AS one
        WHERE one.account_id = row.account_id AND one.day = row.day AND one.model = row.model)));"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("billing", "0004_settled_on_a_known_ledger")]
    operations: ClassVar = [
        migrations.AddField("alert", "watched_at", models.DateTimeField(null=True)),
        migrations.RunSQL(UNBOUND + NOTICES + MAILS + ALARMS + BOUND, migrations.RunSQL.noop),
    ]
