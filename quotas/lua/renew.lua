#!lua flags=allow-oom
-- RENEW: prolongs the open leases of one worker and shard in one call.
--
-- KEYS  1 leases
-- ARGV  1 now in microseconds, '' for the server's own clock   2 lease in microseconds, then the lease ids
-- Reply the ids that are no longer open. Those are not opened again.
--
-- Example  EVALSHA … 1 leases '' 30000000 a b  → {'b'}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local due, gone = now + tonumber(ARGV[2]), {}
for i = 3, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], 'XX', 'GT', due, ARGV[i])
  else
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
