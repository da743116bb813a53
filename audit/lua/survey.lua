#!lua flags=allow-oom
-- SURVEY: notes up to which moment the ledger has all of a shard's stream, and tells what waits there.
--
-- KEYS  1 stream  2 written
-- ARGV  1 id up to which the ledger has the stream
-- Reply {entries that wait (0 or 1), age of the oldest of them in milliseconds, length of the stream}.
-- `written` gets the server's own time, or the moment before the oldest entry that waits. Runs when Redis is full.
--
-- Example  EVALSHA … 2 events written 1700000000000-0  → {1, 1500, 17}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', 1)
local upto = now
if #found > 0 then upto = math.min(now, tonumber(string.match(found[1][1], '^(%d+)')) - 1) end
redis.call('SET', KEYS[2], string.format('%.0f', upto))
return {#found, now - upto, redis.call('XLEN', KEYS[1])}
