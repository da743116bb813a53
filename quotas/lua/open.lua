#!lua
-- OPEN: starts a shard anew after its counters were found missing or behind. Set once.
--
-- KEYS  1 meta
-- ARGV  1 now in microseconds, '' for the server's own clock   2 the new epoch
--       3 '1' when counters were lost: smooth windows are then seeded for as long as they remember   4 the server's run id, see fence.lua
-- Reply the epoch in force; another caller may have been first.
--
-- Example  EVALSHA … 1 meta '' 6fd1… '' 8e2c…  → '6fd1…'
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch then return epoch end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'run', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'seq', 1)
if ARGV[3] == '1' then
  local now = ARGV[1]
  if now == '' then
    local time = redis.call('TIME')
    now = string.format('%.0f', time[1] * 1000000 + time[2])
  end
  redis.call('HSET', KEYS[1], 'lost', now)
end
return ARGV[2]
