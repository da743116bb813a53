#!lua flags=allow-oom
-- TRIM: cuts off what has been in the ledger for long enough, never by length, and never by how old an entry is.
--
-- KEYS  1 stream  2 trimmed
-- ARGV  1 id up to which the ledger has the stream   2 for how many milliseconds what it has is kept
-- Reply how many entries were cut off.
-- `trimmed` is a list of `id at`: up to which id the ledger had the stream at which moment, the oldest first, noted at
-- most ten times in what is kept. What was noted that long ago goes with all before it. Runs when Redis is full.
--
-- Example  EVALSHA … 2 events trimmed 1700000600000-0 600000  → 17
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = tonumber(ARGV[2])
local function noted(index)
  local note = redis.call('LINDEX', KEYS[2], index)
  if note then return string.match(note, '^(%S+) (%d+)$') end
end
local id, at = noted(-1)
if not id or (id ~= ARGV[1] and now - tonumber(at) >= kept / 10) then
  redis.call('RPUSH', KEYS[2], string.format('%s %.0f', ARGV[1], now))
end
local upto
id, at = noted(0)
while id and now - tonumber(at) >= kept do
  upto = id
  redis.call('LPOP', KEYS[2])
  id, at = noted(0)
end
if not upto then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', upto)
