#!lua
-- COLLECT: moves the refusals of past minutes from their counts to the stream, one event each.
--
-- KEYS  1 refused  2 stream
-- ARGV  1 now in microseconds, '' for the server's own clock
-- Reply how many events were appended. The event holds the raw description; the ledger's writer shapes it.
--
-- Example  EVALSHA … 2 refused events ''  → 3
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local counts, moved = redis.call('HGETALL', KEYS[1]), 0
for i = 1, #counts, 2 do
  local minute = tonumber(string.match(counts[i], '^(%d+)\n'))
  if minute + 60000000 <= now then
    redis.call('XADD', KEYS[2], '*', 'e', counts[i], 't', string.format('%.0f', now), 'k', 'refusal', 'n', counts[i + 1])
    redis.call('HDEL', KEYS[1], counts[i])
    moved = moved + 1
  end
end
return moved
