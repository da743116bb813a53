#!lua flags=allow-oom
-- SETTLE: replaces what a lease held by what was used, appends the event, closes the lease. Once, by lease id.
--
-- KEYS  1 meta  2 lease  3 leases  4 tombstone  5 stream, then the counters of the limits that are not of kind r
-- ARGV  1 now in microseconds, '' for the server's own clock
--       2 'settle'; 'expire' when the reaper ends a lease that lapsed; and when the store knows nothing of the lease,
--         after a look into the ledger: 'orphan' when that has no event of it, 'late' when it says that it lapsed;
--         'cancel' when nothing was sent after all: releases, charges nothing and appends no event
--       3 lease id   4 event   5 life of the tombstone in milliseconds   6 the limits as JSON, see reserve.lua
--       7 input tokens   8 output tokens   9 cost in nano: used   10 to 12 the same, charged when it lapsed (late)
-- Reply {'OK', now, stream id, seq}; {'DONE', now}: settled before, nothing changed;
--       {'LATE', now, id, seq}: had lapsed; the counters got the difference, and the event is a correction;
--       {'UNKNOWN', now}: no lease, no tombstone: nothing changed, look into the ledger;
--       {'MORE', now, x}: limits were made since that count this lease too: nothing changed, send it with them;
--       {'LIVE', now}: the reaper came too early, nothing changed.
-- What is released is what the lease's own record says, so that an extension whose reply was lost leaks nothing.
-- So it is after a move that the caller has not heard of (`x` begins with '=', see retarget.lua): what does not hold the
-- lease releases nothing, and is charged all the same, as the event that the caller brings counts there.
-- A counter that does not exist is left so: it is seeded from the ledger, which gets this event. Of smooth tokens only
-- the charge is kept, as two doubles (bucket, time), for the seed to begin with.
--
-- Example  a lease that held 900 of a day's tokens and used 120:
--   EVALSHA … 6 meta lease leases tomb events day  '' settle id {…} 900000 [["c","t","daily",…]] 20 100 55 0 0 0
--   → {'OK', …, '1-0', 12}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local stamp = string.format('%.0f', now)
local mode = ARGV[2]
local lease = redis.call('HMGET', KEYS[2], 'a', 'i', 'o', 'c', 'x')
local open = lease[1]
local used = {q = 1, i = tonumber(ARGV[7]), o = tonumber(ARGV[8]), c = tonumber(ARGV[9])}
local held = {q = 0, i = 0, o = 0, c = 0}
local late = mode == 'late'
local more = lease[5] or ''

if open then
  if mode == 'expire' then
    local due = redis.call('ZSCORE', KEYS[3], ARGV[3])
    if due and tonumber(due) > now then return {'LIVE', now} end
  end
  held = {q = 1, i = tonumber(lease[2]), o = tonumber(lease[3]), c = tonumber(lease[4])}
  if mode == 'cancel' then used = {q = 0, i = 0, o = 0, c = 0} end
  if mode == 'expire' then used = {q = 1, i = held.i, o = held.o, c = held.c} end
else
  if mode == 'expire' or mode == 'cancel' then
    redis.call('ZREM', KEYS[3], ARGV[3])
    return {'DONE', now}
  end
  local ended = redis.call('GET', KEYS[4])
  if ended == 'settled' then return {'DONE', now} end
  local i, o, c, also = string.match(ended or '', '^expired (%d+) (%d+) (%d+)\n(.*)$')
  if i then
    more, late, held = also, true, {q = 1, i = tonumber(i), o = tonumber(o), c = tonumber(c)}
  elseif mode == 'settle' then
    return {'UNKNOWN', now}
  elseif late then
    held = {q = 1, i = tonumber(ARGV[10]), o = tonumber(ARGV[11]), c = tonumber(ARGV[12])}
  end
end
used.t, held.t = used.i + used.o, held.i + held.o
local holds
if more ~= '' then
  local here = {}
  for i = 6, #KEYS do here[KEYS[i]] = true end
  if string.sub(more, 1, 2) == '=\n' then holds = {} end
  for name in string.gmatch(more, '(%S+) [^\n]+') do
    if not here[name] then return {'MORE', now, more} end
    if holds then holds[name] = true end
  end
end

local values = #KEYS > 5 and redis.call('MGET', unpack(KEYS, 6)) or {}
local at = 0
for _, limit in ipairs(cjson.decode(ARGV[6])) do
  local kind, meter = limit[1], limit[2]
  if kind ~= 'r' then
    at = at + 1
    local value = values[at]
    local seeded = value and #value == 32
    if seeded or kind == 't' then
      local u, h, n, t = 0, 0, 0, now
      if seeded then u, h, n, t = struct.unpack('<dddd', value) elseif value then u, t = struct.unpack('<dd', value) end
      local mine = not holds or holds[KEYS[5 + at]]
      local charge = late and mine and used[meter] - held[meter] or used[meter]
      if kind == 't' then
        local rate = now < limit[10] and limit[8] or limit[4]
        local elapsed = now > t and now - t or 0
        if elapsed >= u / rate then u = 0 else u = u - elapsed * rate end
        u, t = math.max(0, u + charge * limit[6]), math.max(now, t)
      elseif kind == 'c' then
        u = u + charge
      end
      if open and mine then h, n = h - held[meter], n - 1 end
      value = seeded and struct.pack('<dddd', u, h, n, t) or struct.pack('<dd', u, t)
      if kind == 'c' then
        redis.call('SET', KEYS[5 + at], value, 'KEEPTTL')
      else
        redis.call('SET', KEYS[5 + at], value, 'PX', 172800000)
      end
    end
  end
end

local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local id = ''
if mode == 'cancel' then
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[3], ARGV[3])
  redis.call('SET', KEYS[4], 'settled', 'PX', ARGV[5])
  return {'OK', now, id, seq}
end
if late then
  id = redis.call('XADD', KEYS[5], '*', 'e', ARGV[4], 't', stamp, 'k', 'late',
    'd', string.format('%.0f %.0f %.0f', used.i - held.i, used.o - held.o, used.c - held.c))
else
  id = redis.call('XADD', KEYS[5], '*', 'e', ARGV[4], 't', stamp, 'k', 'call')
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[3])
local ended = 'settled'
if mode == 'expire' then ended = string.format('expired %.0f %.0f %.0f\n', held.i, held.o, held.c) .. more end
redis.call('SET', KEYS[4], ended, 'PX', ARGV[5])
return {late and 'LATE' or 'OK', now, id, seq}
