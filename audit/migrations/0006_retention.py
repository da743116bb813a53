"""The ledger by retention class and month, and what outlives a month that is dropped.

The table of before becomes the class that is kept without limit, with its months, indexes and rows as they are;
nothing is copied. Each class holds its own uniqueness. Below a class are its months.
"""

from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

from orbit.lib.rowlevel import LEDGER, ROLES, protect

LIMITED = (30, 90, 400, 2555)

CLASSES = f"""
DROP FUNCTION audit_make_partitions(integer);
ALTER TABLE audit_event RENAME TO audit_event_d0;
ALTER TABLE audit_event_d0 ADD COLUMN retention smallint NOT NULL DEFAULT 0;
REVOKE ALL ON audit_event_d0 FROM {", ".join(ROLES)};
CREATE TABLE audit_event (LIKE audit_event_d0 INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY LIST (retention);
ALTER TABLE audit_event ATTACH PARTITION audit_event_d0 FOR VALUES IN (0);
""" + "\n".join(
    f"""CREATE TABLE audit_event_d{days} (LIKE audit_event_d0 INCLUDING ALL) PARTITION BY RANGE (admitted_at);
ALTER TABLE audit_event ATTACH PARTITION audit_event_d{days} FOR VALUES IN ({days});"""
    for days in LIMITED
)

SKELETON = """
CREATE TABLE audit_skeleton (
    event_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind varchar(10) NOT NULL,
    admitted_at timestamptz NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    UNIQUE (organization_id, seq)
);
"""

# The narrow ways by which the ledger's role makes and drops months, which only the owner could do otherwise. They wait
# two seconds for a lock and then give up: who waits for one on the ledger has everybody else wait behind.
PARTITIONS = f"""
CREATE FUNCTION audit_partition_name(days integer, month date) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog
    AS $$ SELECT 'audit_event_' || CASE days WHEN 0 THEN '' ELSE 'd' || days || '_' END || to_char(month, 'YYYY_MM') $$;

CREATE FUNCTION audit_make_partition(days integer, month date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '2s'
    AS $$
DECLARE
    class text := 'audit_event_d' || days;
    first date := date_trunc('month', month);
    name text := public.audit_partition_name(days, first);
BEGIN
    IF days NOT IN (0, {", ".join(map(str, LIMITED))}) OR first < '2020-01-01' OR first > now() + interval '25 months' THEN
        RAISE EXCEPTION 'no partition of % for %', days, first USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock({0x0B18});  -- one at a time
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- made apart and attached, which does not lock out who reads or writes other months
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', name, class);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', class, name,
        first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
    RETURN true;
EXCEPTION WHEN check_violation THEN
    RETURN false;  -- its rows are in audit_event_other already, and stay there
END $$;

CREATE FUNCTION audit_drop_partition(days integer, month date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '2s'
    AS $$
DECLARE
    first date := date_trunc('month', month);
    name text := public.audit_partition_name(days, first);
    bare boolean; dropped bigint;
BEGIN
    IF days NOT IN ({", ".join(map(str, LIMITED))}) OR (first + interval '1 month') AT TIME ZONE 'UTC' + make_interval(days => days) > now() THEN
        RAISE EXCEPTION '% is not to be dropped yet', name USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock({0x0B18});
    EXECUTE format('LOCK TABLE public.%I IN SHARE ROW EXCLUSIVE MODE', name);  -- nothing is added meanwhile; reads go on
    EXECUTE format('SELECT count(*), coalesce(bool_or(s.event_id IS NULL), false) FROM public.%I e LEFT JOIN public.audit_skeleton s
        ON s.event_id = e.event_id AND s.organization_id = e.organization_id AND s.seq = e.seq AND encode(s.hash, ''hex'') = e.hash',
        name) INTO dropped, bare;
    IF bare THEN
        RAISE EXCEPTION '% has events without a skeleton', name USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION audit_make_partition(integer, date), audit_drop_partition(integer, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_make_partition(integer, date), audit_drop_partition(integer, date) TO {LEDGER};
SELECT audit_make_partition(0, (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date) FROM generate_series(-1, 3) AS i;
"""

RIGHTS = f"""
CREATE POLICY owner ON audit_skeleton FOR SELECT TO CURRENT_USER USING (true);
GRANT INSERT ON audit_outboxentry TO {LEDGER};
GRANT USAGE ON SEQUENCE audit_outboxentry_id_seq, audit_droppedmonth_id_seq TO {LEDGER};
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0005_dead_letters")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Skeleton",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("kind", models.CharField(max_length=10)),
                ("admitted_at", models.DateTimeField()),
                ("prev_hash", models.BinaryField()),
                ("hash", models.BinaryField()),
            ],
            options={"db_table": "audit_skeleton", "managed": False},
        ),
        migrations.CreateModel(
            name="DroppedMonth",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("month", models.DateField()),
                ("retention", models.SmallIntegerField()),
                ("events", models.BigIntegerField()),
                ("first_seq", models.BigIntegerField()),
                ("last_seq", models.BigIntegerField()),
                ("dropped_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["organization_id", "month"], name="dropped_by_month")],
            },
        ),
        migrations.RunSQL(
            [
                CLASSES,
                protect("audit_event", app="SELECT", ledger="SELECT, INSERT"),
                SKELETON,
                protect("audit_skeleton", app="SELECT", ledger="SELECT, INSERT"),
                protect("audit_droppedmonth", app="SELECT", ledger="SELECT, INSERT"),
                PARTITIONS,
                RIGHTS,
            ],
            migrations.RunSQL.noop,
        ),
    ]
