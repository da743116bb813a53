#!lua
-- RESERVE: checks every limit on a call's chain, then takes from all of them or from none, and opens a lease.
--
-- KEYS  1 meta  2 organization's version  3 key's generation  4 lease  5 leases  6 refused
--       then for each limit its counter; for a calendar window (kind c) two: this window's and the next one's;
--       for a limit on each end user as many marks follow: see seed.lua.
-- ARGV  1 now in microseconds, '' for the server's own clock
--       2 epoch as the caller knows it, '' for unknown   3 highest sequence that it has seen
--       4 version of its snapshot   5 generation of the key
--       6 lease id   7 lease in microseconds   8 event to be written should the lease lapse
--       9 refusal's description   10 '1' while the need is only a rough upper bound
--       11 '1' when this reservation was sent before and its reply was lost
--       12 input tokens   13 output tokens   14 cost in nano
--       15 the limits as JSON, each [kind, meter, name, limit, burst, period, shadow, raised limit, raised burst, raised
--       until, start, end, next end, each user]: kind is r smooth requests, t smooth tokens, c calendar, k concurrency;
--       meter is q calls, i input tokens, o output tokens, t tokens, c cost; flags are 1 or 0; until is 0 for never.
-- Reply {'OK', now, epoch, seq, w, u, h, …}: per limit which window (0, 1), used and held after taking.
--       {'REFUSED', now, epoch, seq, i, u, h, n, retry_us, w}: the first limit (from 1) without room, the calls that
--       hold on it, and when there is room again (0: when running calls end).
--       {'STALE'}: a newer version or generation exists, or none is known; {'COLD', epoch}: the counters are not to
--       be trusted; {'MISSING', i, w, …}: these counters do not exist yet and must be seeded;
--       {'WINDOW', now}: the clock is in neither window.
-- Apart from OK nothing is changed, save the count of refusals. A shadow limit only adds to that count.
--
-- Example  a limit of 2 requests a day, 1 used:
--   EVALSHA … 8 meta v g lease leases refused d1 d2  '' e 7 3 1 id 30000000 {} {} '' '' 10 50 90
--     [["c","q","daily",2,2,0,0,0,0,0,<start>,<end>,<next end>,0]]
--   → {'OK', 1700000000000000, 'e', 8, 0, 0, 1}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end

local known = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'lost')
local epoch, seq, lost = known[1], tonumber(known[2]), tonumber(known[3])
if not epoch or not seq then return {'COLD', ''} end
if ARGV[2] == epoch and seq < tonumber(ARGV[3]) then return {'COLD', epoch} end

local taken = false
if ARGV[11] == '1' then
  local admitted = redis.call('HGET', KEYS[4], 'a')
  if admitted then now, taken = tonumber(admitted), true end -- the same again: its figures as they stand
end

local values = redis.call('MGET', KEYS[2], KEYS[3], unpack(KEYS, 7))
if not taken then
  if not values[1] or not values[2] then return {'STALE'} end
  if tonumber(values[1]) > tonumber(ARGV[4]) or tonumber(values[2]) > tonumber(ARGV[5]) then return {'STALE'} end
end

local limits = cjson.decode(ARGV[15])
local needs = {q = 1, i = tonumber(ARGV[12]), o = tonumber(ARGV[13]), c = tonumber(ARGV[14])}
needs.t = needs.i + needs.o
local rough = ARGV[10] == '1'
local key, window, used, held, calls, since = {}, {}, {}, {}, {}, {}
local missing, fresh = {}, {}
local at = 7

for i, limit in ipairs(limits) do
  local kind, each = limit[1], limit[14] == 1
  local this, mark, w = at, at + 1, 0
  at = at + 1
  if kind == 'c' then
    if not taken and (now < limit[11] or now >= limit[13]) then return {'WINDOW', now} end
    if now >= limit[12] then w = 1 end
    this, mark, at = this + w, this + 2 + w, at + 1
  end
  if each then at = at + (kind == 'c' and 2 or 1) end
  local value = values[this - 4]
  if value and #value == 32 then
    used[i], held[i], calls[i], since[i] = struct.unpack('<dddd', value)
    if held[i] < 0 then held[i] = 0 end
  else
    -- smooth requests start empty, unless they were lost so lately that there may have been something in them
    local unknown = kind ~= 'r' or (lost and now < lost + math.max(limit[5], limit[9]) * limit[6] / limit[4])
    if unknown and not taken and not (each and values[mark - 4]) then
      missing[#missing + 1] = i
      missing[#missing + 1] = w
    end
    used[i], held[i], calls[i], since[i], fresh[i] = 0, 0, 0, now, true
    if value then used[i], since[i] = struct.unpack('<dd', value) end -- charged before it was seeded, see settle.lua
  end
  key[i], window[i] = KEYS[this], w
  if now < limit[10] then limit[4], limit[5] = limit[8], limit[9] end
  if kind == 'r' or kind == 't' then
    -- a bucket in units of (amount x period) that drains `limit` units a microsecond: exact in integers
    local elapsed = now > since[i] and now - since[i] or 0
    if elapsed >= used[i] / limit[4] then used[i] = 0 else used[i] = used[i] - elapsed * limit[4] end
    if now > since[i] then since[i] = now end
  end
end
if #missing > 0 then
  table.insert(missing, 1, 'MISSING')
  return missing
end

if not taken then
  for i, limit in ipairs(limits) do
    local kind, need = limit[1], needs[limit[2]]
    local over, retry = 0, 0
    if kind == 'r' or kind == 't' then
      local alone = used[i] + (need - limit[5]) * limit[6]
      over = alone + held[i] * limit[6]
      if alone > 0 then retry = now + math.ceil(alone / limit[4]) end
    else
      over = used[i] + held[i] + need - limit[4]
      if kind == 'c' and used[i] + need > limit[4] then retry = window[i] == 1 and limit[13] or limit[12] end
    end
    if over > 0 then
      local counted = rough and limit[2] ~= 'q' -- refused by a bound: the exact count decides
      if not counted then
        local code = kind == 'c' and 'insufficient_quota' or 'rate_limited'
        if limit[7] == 1 then code = '~' .. code end
        local minute = string.format('%.0f', now - now % 60000000)
        redis.call('HINCRBY', KEYS[6], minute .. '\n' .. code .. '\n' .. limit[3] .. '\n' .. ARGV[9], 1)
      end
      if counted or limit[7] ~= 1 then
        return {'REFUSED', now, epoch, seq, i, used[i], held[i], calls[i], retry, window[i]}
      end
    end
  end
  seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
end

local reply = {'OK', now, epoch, seq}
for i, limit in ipairs(limits) do
  local kind, need = limit[1], needs[limit[2]]
  if not taken then
    if kind == 'r' then
      used[i] = used[i] + need * limit[6]
      redis.call('SET', key[i], struct.pack('<dddd', used[i], 0, 0, since[i]), 'PX', math.ceil(used[i] / limit[4] / 1000) + 60000)
    else
      held[i] = held[i] + need
      local value = struct.pack('<dddd', used[i], held[i], calls[i] + 1, since[i])
      if kind ~= 'c' then
        redis.call('SET', key[i], value, 'PX', 172800000)
      elseif fresh[i] then
        local ends = window[i] == 1 and limit[13] or limit[12]
        redis.call('SET', key[i], value, 'PXAT', string.format('%.0f', math.floor(ends / 1000) + 172800000))
      else
        redis.call('SET', key[i], value, 'KEEPTTL')
      end
    end
  end
  reply[#reply + 1] = window[i]
  reply[#reply + 1] = used[i]
  reply[#reply + 1] = held[i]
end
if not taken then
  redis.call('HSET', KEYS[4], 'e', ARGV[8], 'a', string.format('%.0f', now), 'i', ARGV[12], 'o', ARGV[13], 'c', ARGV[14],
    'k', table.concat(key, '\n'), 's', ARGV[15])
  redis.call('ZADD', KEYS[5], string.format('%.0f', now + tonumber(ARGV[7])), ARGV[6])
end
return reply
