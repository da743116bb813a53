"""The ledger's table, partitioned by month, and who may do what with it."""

from typing import ClassVar

from django.db import migrations

from orbit.lib.rowlevel import LEDGER, OPERATOR, protect

EVENT = """
CREATE TABLE audit_event (
    event_id uuid NOT NULL,
    v smallint NOT NULL,
    kind varchar(10) NOT NULL CHECK (kind IN ('call', 'correction', 'adjustment', 'refusal', 'act')),
    organization_id uuid NOT NULL,
    organization varchar(63) NOT NULL,
    seq bigint NOT NULL,
    shard smallint NOT NULL,
    shard_seq bigint NOT NULL,
    request_id uuid,
    corrects uuid,
    admitted_at timestamptz NOT NULL,
    settled_at timestamptz,
    recorded_at timestamptz NOT NULL,
    project_id uuid,
    project varchar(63),
    key_id uuid,
    key varchar(63),
    account_id uuid,
    account varchar(63),
    end_user varchar(256),
    surface varchar(16),
    endpoint varchar(63),
    stream boolean,
    model varchar(120),
    upstream_model varchar(200),
    status varchar(20),
    code varchar(40),
    http_status smallint,
    finish_reason varchar(40),
    usage_source varchar(16),
    input_tokens bigint,
    cached_input_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    cost_nano bigint,
    currency varchar(3),
    price_version varchar(80),
    policy_version varchar(200),
    duration_ms integer,
    first_token_ms integer,
    count integer,
    "limit" varchar(120),
    detail jsonb NOT NULL,
    prev_hash varchar(64) NOT NULL,
    hash varchar(64) NOT NULL,
    PRIMARY KEY (event_id, admitted_at),
    UNIQUE (organization_id, seq, admitted_at),
    UNIQUE (shard, shard_seq, admitted_at)
) PARTITION BY RANGE (admitted_at);
CREATE INDEX audit_event_latest ON audit_event (organization_id, admitted_at DESC);
CREATE TABLE audit_event_other PARTITION OF audit_event DEFAULT;
"""

# Months are made ahead by the ledger's task through this one function, which only the owner could do otherwise.
PARTITIONS = f"""
CREATE FUNCTION audit_make_partitions(months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$
DECLARE
    first timestamptz; made integer := 0; name text;
BEGIN
    FOR i IN -1 .. least(greatest(months, 0), 24) LOOP
        first := date_trunc('month', now() AT TIME ZONE 'UTC' + make_interval(months => i)) AT TIME ZONE 'UTC';
        name := 'audit_event_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass('public.' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.audit_event FOR VALUES FROM (%L) TO (%L)',
                name, first, (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION audit_make_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_make_partitions(integer) TO {LEDGER};
SELECT audit_make_partitions(3);
"""

# Where the writer stands, and what it could not write, is no tenant's; the app has no right to it.
POSITIONS = f"""
INSERT INTO audit_shardposition (shard, stream_id, shard_seq)
    SELECT n, '0-0', 0 FROM generate_series(0, 63) AS n;
GRANT SELECT, UPDATE ON audit_shardposition TO {LEDGER};
GRANT SELECT, INSERT ON audit_deadletter TO {LEDGER};
GRANT USAGE ON SEQUENCE audit_deadletter_id_seq TO {LEDGER};
GRANT SELECT ON audit_shardposition, audit_deadletter TO {OPERATOR};
GRANT SELECT ON audit_shardposition TO orbit_app;
GRANT USAGE ON SEQUENCE audit_outboxentry_id_seq TO orbit_app;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(
            [
                EVENT,
                protect("audit_event", app="SELECT", ledger="SELECT, INSERT"),
                protect("audit_outboxentry", app="SELECT, INSERT", ledger="SELECT, DELETE"),
                protect("audit_chainhead", app="SELECT", ledger="SELECT, INSERT, UPDATE"),
                PARTITIONS,
                POSITIONS,
            ],
            migrations.RunSQL.noop,
        ),
    ]
