#!lua flags=allow-oom
-- FENCE: closes a shard that was opened on another run of a server: what this one has may be older.
--
-- KEYS  1 meta
-- ARGV  1 the run id of the server that answers
-- Reply 1 when the shard is closed now, 0 when it was opened on this run.
--
-- Example  EVALSHA … 1 meta 8e2c…  → 0
if redis.call('HGET', KEYS[1], 'run') == ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'epoch')
return 1
