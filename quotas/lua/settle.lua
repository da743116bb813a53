#!lua flags=allow-oom
-- SETTLE: replaces what a lease held by what was used, appends the event, closes the lease. Once, by lease id.
--
-- KEYS  1 meta  2 lease  3 leases  4 tombstone  5 stream, then the counters that the lease holds
-- ARGV  1 now in microseconds, '' for the server's own clock
--       2 'settle', or 'expire' when the reaper ends a lease that lapsed
--       3 lease id   4 event   5 life of the tombstone in milliseconds   6 epoch of the reservation
--       7 number of counters, then five for each: kind (t, c, k), held, used, limit, period
-- Reply {'OK', now, stream id}; {'DONE', now}: settled before, nothing changed;
--       {'LATE', now, id}: had lapsed, the counters got the difference and a correction was appended;
--       {'ORPHAN', now, id}: the store knows neither lease nor tombstone, the event was appended all the same;
--       {'LIVE', now}: the reaper came too early, nothing changed.
-- A counter that does not exist is left so: it is seeded from the ledger, which gets this event.
--
-- Example  a lease that held 900 of a day's tokens and used 120:
--   EVALSHA … 6 meta lease leases tomb events day  '' settle id {…} 900000 e 1 c 900 120 0 0  → {'OK', …, '1-0'}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local stamp = string.format('%.0f', now)
local count = tonumber(ARGV[7])
local expire = ARGV[2] == 'expire'
local ended = redis.call('GET', KEYS[4])
local open = redis.call('HGET', KEYS[2], 'p')
local epoch = redis.call('HGET', KEYS[1], 'epoch')

if ended and (expire or ended ~= 'expired') then
  redis.call('ZREM', KEYS[3], ARGV[3])
  return {'DONE', now}
end
if expire then
  local due = redis.call('ZSCORE', KEYS[3], ARGV[3])
  if due and tonumber(due) > now then return {'LIVE', now} end
  if not open then
    redis.call('ZREM', KEYS[3], ARGV[3])
    return {'DONE', now}
  end
end

-- release: what was held goes; charge: what goes into `used`
for i = 1, count do
  local base = 7 + (i - 1) * 5
  local kind, key = ARGV[base + 1], KEYS[5 + i]
  local held, used = tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  local release, charge = 0, used
  if ended then
    charge = used - held -- the reaper charged what was held
  elseif open and open == epoch then
    release = held
  elseif not open and ARGV[6] == epoch then
    charge = 0 -- lapsed and charged longer ago than tombstones are kept
  end
  if kind ~= 'k' and redis.call('EXISTS', key) == 1 then
    if kind == 't' then
      local limit, period = tonumber(ARGV[base + 4]), tonumber(ARGV[base + 5])
      local bucket = redis.call('HMGET', key, 'u', 't')
      local level, last = tonumber(bucket[1] or 0), tonumber(bucket[2] or now)
      local elapsed = now > last and now - last or 0
      if elapsed >= level / limit then level = 0 else level = level - elapsed * limit end
      level = math.max(0, level + charge * period)
      redis.call('HSET', key, 'u', string.format('%.0f', level), 't', string.format('%.0f', math.max(now, last)))
    else
      redis.call('HINCRBY', key, 'u', charge)
    end
  end
  if release > 0 and redis.call('EXISTS', key) == 1 then
    redis.call('HINCRBY', key, 'h', -release)
    redis.call('HINCRBY', key, 'n', -1)
  end
end

local kind = 'call'
if ended then kind = 'late' end
redis.call('HINCRBY', KEYS[1], 'seq', 1)
local id = redis.call('XADD', KEYS[5], '*', 'e', ARGV[4], 't', stamp, 'k', kind)
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('SET', KEYS[4], expire and 'expired' or 'settled', 'PX', ARGV[5])
if ended then return {'LATE', now, id} end
if not open then return {'ORPHAN', now, id} end
return {'OK', now, id}
