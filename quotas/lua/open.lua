#!lua
-- OPEN: starts a shard anew after its counters were found missing or behind. Set once.
--
-- KEYS  1 meta
-- ARGV  1 the epoch that is given up, '' for none   2 the new epoch
-- Reply the epoch in force; another caller may have been first.
--
-- Example  EVALSHA … 1 meta '' 6fd1…  → '6fd1…'
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if (epoch or '') ~= ARGV[1] then return epoch end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'seq', 1)
return ARGV[2]
