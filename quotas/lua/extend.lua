#!lua
-- EXTEND: takes more for an open lease, from every limit that counts tokens or cost or from none, and prolongs it.
--
-- KEYS  1 meta  2 lease  3 leases  4 refused, then the lease's counters of the limits that are not of kind r
-- ARGV  1 now in microseconds, '' for the server's own clock   2 lease id   3 lease in microseconds
--       4 the event to be written should the lease lapse   5 refusal's description   6 the limits as JSON, see reserve.lua
--       7 input tokens   8 output tokens   9 cost in nano: in all, with what is held already
-- Reply {'OK', now, seq}, also when so much is held already; {'REFUSED', now, i, u, h, n, retry_us}; {'GONE'}: the lease
--       is not open, or was moved to other limits than these; {'MORE', now, x} as settle.lua; {'MISSING', i, …}: these counters must be seeded; {'COLD'}.
-- Nothing is changed unless the reply is OK, save the count of refusals.
--
-- Example  from 100 to 200 output tokens:
--   EVALSHA … 5 meta lease leases refused day  '' id 30000000 {…} {…} [["c","o","daily",…]] 20 200 110  → {'OK', …, 13}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local seq = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if not seq[1] then return {'COLD'} end
local lease = redis.call('HMGET', KEYS[2], 'a', 'i', 'o', 'c', 'x')
if not lease[1] then return {'GONE'} end
if lease[5] then
  local here, holds = {}, {}
  for i = 5, #KEYS do here[KEYS[i]] = true end
  for name in string.gmatch(lease[5], '(%S+) [^\n]+') do
    if not here[name] then return {'MORE', now, lease[5]} end
    holds[name] = true
  end
  if string.sub(lease[5], 1, 2) == '=\n' then -- see retarget.lua
    for name in pairs(here) do
      if not holds[name] then return {'GONE'} end
    end
  end
end
local more = {q = 0, i = tonumber(ARGV[7]) - tonumber(lease[2]), o = tonumber(ARGV[8]) - tonumber(lease[3]),
  c = tonumber(ARGV[9]) - tonumber(lease[4])}
if more.i <= 0 and more.o <= 0 and more.c <= 0 then return {'OK', now, tonumber(seq[2])} end
more.i, more.o, more.c = math.max(0, more.i), math.max(0, more.o), math.max(0, more.c)
more.t = more.i + more.o

local limits, values = cjson.decode(ARGV[6]), #KEYS > 4 and redis.call('MGET', unpack(KEYS, 5)) or {}
local changed, missing, at = {}, {}, 0
for i, limit in ipairs(limits) do
  local kind, need = limit[1], more[limit[2]]
  if kind ~= 'r' then
    at = at + 1
    if need > 0 and not (values[at] and #values[at] == 32) then
      missing[#missing + 1] = i
    elseif need > 0 then
      local u, h, n, t = struct.unpack('<dddd', values[at])
      local ceiling, burst = limit[4], limit[5]
      if now < limit[10] then ceiling, burst = limit[8], limit[9] end
      local over, retry
      if kind == 't' then
        local elapsed = now > t and now - t or 0
        if elapsed >= u / ceiling then u = 0 else u = u - elapsed * ceiling end
        t = math.max(now, t)
        over = u + (h + need - burst) * limit[6]
        retry = now + math.ceil(math.max(0, over) / ceiling)
      else
        over = u + h + need - ceiling
        retry = 0
      end
      if over > 0 then
        local code = kind == 'c' and 'insufficient_quota' or 'rate_limited'
        if limit[7] == 1 then code = '~' .. code end
        local minute = string.format('%.0f', now - now % 60000000)
        redis.call('HINCRBY', KEYS[4], minute .. '\n' .. code .. '\n' .. limit[3] .. '\n' .. ARGV[5], 1)
        if limit[7] ~= 1 then return {'REFUSED', now, i, u, h, n, retry} end
      end
      changed[#changed + 1] = {KEYS[4 + at], struct.pack('<dddd', u, h + need, n, t), kind}
    end
  end
end
if #missing > 0 then
  table.insert(missing, 1, 'MISSING')
  return missing
end
for _, one in ipairs(changed) do
  if one[3] == 'c' then
    redis.call('SET', one[1], one[2], 'KEEPTTL')
  else
    redis.call('SET', one[1], one[2], 'PX', 172800000)
  end
end
redis.call('HSET', KEYS[2], 'e', ARGV[4], 'i', tonumber(lease[2]) + more.i, 'o', tonumber(lease[3]) + more.o,
  'c', string.format('%.0f', tonumber(lease[4]) + more.c))
redis.call('ZADD', KEYS[3], 'XX', 'GT', string.format('%.0f', now + tonumber(ARGV[3])), ARGV[2])
return {'OK', now, redis.call('HINCRBY', KEYS[1], 'seq', 1)}
