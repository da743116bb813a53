#!lua
-- RESERVE: checks every limit on a call's chain, then takes from all of them or from none, and opens a lease.
--
-- KEYS  1 meta  2 organization's version  3 key's generation  4 lease  5 leases  6 refused
--       then for each limit its counter; for a calendar window (kind c) two: this window's and the next one's.
-- ARGV  1 now in microseconds, '' for the server's own clock
--       2 epoch as the caller knows it, '' for unknown   3 highest sequence that it has seen
--       4 version of its snapshot   5 generation of the key
--       6 lease id   7 lease in microseconds   8 event to be written should the lease lapse
--       9 refusal's description   10 '1' while the need is only a rough upper bound
--       11 number of limits, then eight for each:
--       kind (r smooth requests, t smooth tokens, c calendar, k concurrency), '1' when the need is an estimate,
--       name, need, limit, and  r, t: burst, period  |  c: this window's end, the next one's end  |  k: 0, 0,
--       and last: c: this window's start, else 0
-- Reply {'OK', now, epoch, seq, w, u, h, …}: per limit which window (0, 1), used and held after taking.
--       {'REFUSED', now, epoch, seq, i, u, h, n, retry_us}: the first limit (from 1) without room, the calls that
--       hold on it, and when there may be room again (0: unknown).
--       {'STALE'}: a newer version or generation exists, or none is known; {'COLD', epoch}: the counters are not to
--       be trusted; {'MISSING', i, w, …}: these calendar counters do not exist yet and must be seeded;
--       {'WINDOW', now}: the clock is in neither window.
-- Apart from OK nothing is changed, save the count of refusals.
--
-- Example  a limit of 2 requests a day, 1 used:
--   EVALSHA … 8 meta v g lease leases refused d1 d2  '' e 7 3 1 id 30000000 {} {} '' 1 c '' daily 1 2 <end1> <end2> <start1>
--   → {'OK', 1700000000000000, 'e', 8, 0, 0, 1}
local function integer(value) return math.floor(tonumber(value) + 0.5) end

local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end

local known = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
local epoch, seq = known[1], tonumber(known[2])
if not epoch or not seq then return {'COLD', ''} end
if ARGV[2] == epoch and seq < tonumber(ARGV[3]) then return {'COLD', epoch} end

local version, generation = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
if not version or not generation then return {'STALE'} end
if tonumber(version) > tonumber(ARGV[4]) or tonumber(generation) > tonumber(ARGV[5]) then return {'STALE'} end

local count = tonumber(ARGV[11])
local before = redis.call('HGET', KEYS[4], 'r')
if before then return cmsgpack.unpack(before) end -- the same reservation again: its reply was lost

local limits, missing = {}, {}
local at = 7
for i = 1, count do
  local base = 11 + (i - 1) * 8
  local limit = {
    kind = ARGV[base + 1], estimate = ARGV[base + 2] == '1', name = ARGV[base + 3],
    need = tonumber(ARGV[base + 4]), limit = tonumber(ARGV[base + 5]),
    a = tonumber(ARGV[base + 6]), b = tonumber(ARGV[base + 7]), start = tonumber(ARGV[base + 8]), w = 0,
  }
  limit.key = KEYS[at]
  at = at + 1
  if limit.kind == 'c' then
    limit.ends = limit.a
    if now < limit.start or now >= limit.b then return {'WINDOW', now} end
    if now >= limit.a then
      limit.key, limit.w, limit.ends = KEYS[at], 1, limit.b
    end
    at = at + 1
  end
  local held = redis.call('HMGET', limit.key, 'u', 'h', 'n', 't')
  if limit.kind == 'c' and not held[1] then
    missing[#missing + 1] = i
    missing[#missing + 1] = limit.w
  end
  limit.u, limit.h, limit.n = tonumber(held[1] or 0), tonumber(held[2] or 0), tonumber(held[3] or 0)
  if limit.kind == 'r' or limit.kind == 't' then
    -- a bucket in units of (amount x period) that drains `limit` units a microsecond: exact in integers
    local last = tonumber(held[4] or now)
    local elapsed = now > last and now - last or 0
    if elapsed >= limit.u / limit.limit then limit.u = 0 else limit.u = limit.u - elapsed * limit.limit end
    limit.t = now > last and now or last
  end
  limits[i] = limit
end
if #missing > 0 then
  table.insert(missing, 1, 'MISSING')
  return missing
end

for i, limit in ipairs(limits) do
  local full, retry = false, 0
  if limit.kind == 'r' or limit.kind == 't' then
    local over = limit.u + (limit.h + limit.need) * limit.b - limit.a * limit.b
    full = over > 0
    if full then retry = now + math.ceil(over / limit.limit) end
  else
    full = limit.u + limit.h + limit.need > limit.limit
    if full and limit.kind == 'c' then retry = limit.ends end
  end
  if full then
    if not (limit.estimate and ARGV[10] == '1') then
      local code = limit.kind == 'c' and 'insufficient_quota' or 'rate_limited'
      local minute = string.format('%.0f', now - now % 60000000)
      redis.call('HINCRBY', KEYS[6], minute .. '\n' .. code .. '\n' .. limit.name .. '\n' .. ARGV[9], 1)
    end
    return {'REFUSED', now, epoch, seq, i, limit.u, limit.h, limit.n, retry}
  end
end

seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local reply, held = {'OK', now, epoch, seq}, {}
for i, limit in ipairs(limits) do
  if limit.kind == 'r' then
    limit.u = limit.u + limit.need * limit.b
    redis.call('HSET', limit.key, 'u', string.format('%.0f', limit.u), 't', string.format('%.0f', limit.t))
    redis.call('PEXPIRE', limit.key, math.ceil(limit.u / limit.limit / 1000) + 60000)
  else
    limit.h = limit.h + limit.need
    redis.call('HINCRBY', limit.key, 'h', limit.need)
    redis.call('HINCRBY', limit.key, 'n', 1)
    if limit.kind ~= 'c' then redis.call('PEXPIRE', limit.key, 172800000) end
    held[#held + 1] = limit.kind .. ' ' .. limit.key .. ' ' .. string.format('%.0f %.0f %.0f', limit.need, limit.limit, limit.b)
  end
  reply[#reply + 1] = limit.w
  reply[#reply + 1] = limit.u
  reply[#reply + 1] = limit.h
end
redis.call('HSET', KEYS[4], 'e', ARGV[8], 'c', table.concat(held, '\n'), 'p', epoch, 'a', string.format('%.0f', now),
  'r', cmsgpack.pack(reply))
redis.call('ZADD', KEYS[5], now + integer(ARGV[7]), ARGV[6])
return reply
