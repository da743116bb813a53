#!lua
-- SEED: starts a counter with what was used in its window and with what the open leases that it counts hold. Set once.
--
-- KEYS  1 stream  2 meta  3 counter, then the leases found open that the limit counts
-- ARGV  1 the last stream id that was read for `used`, '' when no events count
--       2 used; of a smooth window what went into it lately   3 when the counter expires, in milliseconds since 1970; '' two days after its last change
--       4 the limit as JSON, one entry of reserve.lua's; '' for a mark: "of this limit and window every end user that
--         has a figure has a counter; who has none starts at zero"
--       5 the shard's stamp (epoch and count of restored leases) from before the leases were looked up
--       6 now in microseconds, then for each of the leases how often it had been moved to another target, '' for never
-- Reply 'OK'; 'KEPT' when the counter existed; nothing changed when 'MOVED', an event came after that id, or 'COLD',
--       the stamp is another or a lease was moved since: it may no longer be one that the limit counts.
-- A lease that did not know the counter gets it written into `x`, so that its settlement counts there too.
--
-- Example  EVALSHA … 3 events meta day  1-0 1200 1700086400000 ["c","t","daily",…] 6fd1…:0 1700000000000000  → 'OK'
local stamp = redis.call('HMGET', KEYS[2], 'epoch', 'restored')
if not stamp[1] or stamp[1] .. ':' .. (stamp[2] or '0') ~= ARGV[5] then return 'COLD' end
local before = redis.call('GET', KEYS[3])
if before and #before ~= 16 then return 'KEPT' end -- of two doubles: smooth tokens charged before, see settle.lua
if ARGV[1] ~= '' and #redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', 1) > 0 then return 'MOVED' end
if ARGV[4] == '' then
  redis.call('SET', KEYS[3], '1')
  if ARGV[3] ~= '' then redis.call('PEXPIREAT', KEYS[3], ARGV[3]) end
  return 'OK'
end

local limit = cjson.decode(ARGV[4])
local used, held, calls, since = tonumber(ARGV[2]), 0, 0, 0
if limit[1] == 'r' or limit[1] == 't' then
  since = tonumber(ARGV[6])
  used = math.min(used, math.max(limit[5], limit[9])) * limit[6]
  -- without a stream id nothing was read, so that what was charged meanwhile counts
  if before and ARGV[1] == '' then used, since = struct.unpack('<dd', before) end
end
local leases = {}
for i = 4, #KEYS do
  leases[i] = redis.call('HMGET', KEYS[i], 'a', 'i', 'o', 'c', 'k', 'x', 'm')
  if leases[i][1] and (leases[i][7] or '') ~= ARGV[3 + i] then return 'COLD' end
end
for i = 4, #KEYS do
  local lease = leases[i]
  if lease[1] then
    local has = {q = 1, i = tonumber(lease[2]), o = tonumber(lease[3]), c = tonumber(lease[4])}
    has.t = has.i + has.o
    held, calls = held + has[limit[2]], calls + 1
    local known = '\n' .. (lease[5] or '') .. '\n'
    if not string.find(known, '\n' .. KEYS[3] .. '\n', 1, true) then
      redis.call('HSET', KEYS[i], 'x', (lease[6] or '') .. KEYS[3] .. ' ' .. ARGV[4] .. '\n')
    end
  end
end
local value = struct.pack('<dddd', used, held, calls, since)
if ARGV[3] == '' then
  redis.call('SET', KEYS[3], value, 'PX', 172800000)
else
  redis.call('SET', KEYS[3], value, 'PXAT', ARGV[3])
end
return 'OK'
