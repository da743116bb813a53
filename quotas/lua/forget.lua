#!lua flags=allow-oom
-- FORGET: drops counters of calendar windows and their marks, so that each is seeded anew when it is met next.
--
-- KEYS  1 meta  2 the set of objects whose adjustments are waited for, then counters and marks
-- ARGV  1… objects that are taken out of the set
-- Reply how many keys there were.
-- Whoever is about to seed one of them from what they read before looks again, since the shard's stamp is another. Leases
-- that hold a dropped counter are held by the one that is seeded, as they still are open. Smooth and concurrency limits
-- must not be among the keys: what they know is in no ledger.
--
-- Example  EVALSHA … 3 meta adjusted counter  019a…  → 1
local there = 0
for i = 3, #KEYS do there = there + redis.call('UNLINK', KEYS[i]) end
redis.call('HINCRBY', KEYS[1], 'restored', 1)
if #ARGV > 0 then redis.call('SREM', KEYS[2], unpack(ARGV)) end
return there
