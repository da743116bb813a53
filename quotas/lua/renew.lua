#!lua flags=allow-oom
-- RENEW: prolongs the open leases of one worker and shard in one call, and tells what is newest of those who hold them.
--
-- KEYS  1 leases, then organizations' versions and keys' generations
-- ARGV  1 now in microseconds, '' for the server's own clock   2 lease in microseconds, then the lease ids
-- Reply {the ids that are no longer open, the values of KEYS from 2 on}. Leases that are not open are not opened again.
--
-- Example  EVALSHA … 3 leases v g '' 30000000 a b  → {{'b'}, {'7', '1'}}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local due, gone, newest = now + tonumber(ARGV[2]), {}, {}
for first = 3, #ARGV, 1000 do -- as many as a call takes
  local last, prolonged = math.min(first + 999, #ARGV), {}
  for i, score in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(ARGV, first, last))) do
    if score then
      prolonged[#prolonged + 1] = due
      prolonged[#prolonged + 1] = ARGV[first + i - 1]
    else
      gone[#gone + 1] = ARGV[first + i - 1]
    end
  end
  if #prolonged > 0 then redis.call('ZADD', KEYS[1], 'XX', 'GT', unpack(prolonged)) end
end
for first = 2, #KEYS, 1000 do
  for _, value in ipairs(redis.call('MGET', unpack(KEYS, first, math.min(first + 999, #KEYS)))) do
    newest[#newest + 1] = value
  end
end
return {gone, newest}
