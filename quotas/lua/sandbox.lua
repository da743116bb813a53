#!lua
-- SANDBOX: opens a simulation's namespace, empties what its scripts have left there, and says when it all goes by itself.
--
-- KEYS  1 meta  2 version  3 generation  4 leases  5 refused  6 stream
-- ARGV  1 for how long all of it stays unless this is called again, in milliseconds
-- Reply the refusals counted since the last call: field, count, …, see reserve.lua; '' is a field of ours.
-- Each key is left with something in it, so that what the scripts add to it keeps its expiry.
--
-- Example  EVALSHA … 6 meta v g leases refused events  172800000  → {'', '0', '1700000000000000\n~rate_limited\n0\n17', '1'}
local counted = redis.call('HGETALL', KEYS[5])
redis.call('DEL', KEYS[5])
redis.call('HSET', KEYS[5], '', 0)
redis.call('HSETNX', KEYS[1], 'seq', 0)
redis.call('HSET', KEYS[1], 'epoch', 'sandbox')
redis.call('SET', KEYS[2], 1)
redis.call('SET', KEYS[3], 1)
redis.call('ZADD', KEYS[4], '+inf', '')
redis.call('XADD', KEYS[6], 'MAXLEN', 1, '*', 'k', 'sandbox')
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
return counted
