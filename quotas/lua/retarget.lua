#!lua
-- RETARGET: moves an open lease to the limits and amounts of another target, all or nothing, and prolongs it.
--
-- KEYS  1 meta  2 organization's version  3 key's generation  4 lease  5 leases  6 refused
--       then for each limit its counter, of a calendar window the one that holds the moment of admission; for a limit
--       on each end user its mark follows. After them other counters that the lease may be held by.
-- ARGV  1 now in microseconds, '' for the server's own clock
--       2 epoch as the caller knows it, '' for unknown   3 highest sequence that it has seen
--       4 version of its snapshot   5 generation of the key   6 lease id   7 lease in microseconds
--       8 event to be written should the lease lapse   9 refusal's description
--       10 input tokens   11 output tokens   12 cost in nano: held from now on, in all
--       13 the limits as JSON, see reserve.lua   14 '=\n' and for each limit that is not of kind r a line: its counter,
--       a space, its JSON   15 counters of smooth requests, a line each, that took this call as far as the caller knows
-- Reply {'OK', now, epoch, seq, u, h, …}: per limit used and held after it, also when all this was done before;
--       {'REFUSED', now, i, u, h, n, retry_us}; {'GONE'}: the lease is not open; {'MORE', now, key, …}: these hold it
--       too, send it with them; {'STALE'}, {'COLD'}: see reserve.lua; {'MISSING', i, …}: these counters must be seeded.
-- A limit on both sides takes the difference, a new one all of it and a call more, an old one gives all of it back. Smooth
-- requests are taken once by each limit that the lease was ever under, and stay taken. What the lease holds is what its own
-- record says. Nothing is changed unless the reply is OK, save the count of refusals.
--
-- The record's `x` begins with '=' from now on: it names every counter that holds the lease, so that whoever settles it
-- without having heard of the move is told, see settle.lua. `m` counts the moves.
--
-- Example  from the day's tokens of one model to those of another:
--   EVALSHA … 8 meta v g lease leases refused new old  '' e 7 3 1 id 30000000 {…} {…} 20 200 110
--     [["c","t","new",…]] "=\nnew [\"c\",…]\n" ''  → {'OK', …, 'e', 9, 0, 220}
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
local known = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'lost')
local epoch, seq, lost = known[1], tonumber(known[2]), tonumber(known[3])
if not epoch or not seq then return {'COLD'} end
if ARGV[2] == epoch and seq < tonumber(ARGV[3]) then return {'COLD'} end
local lease = redis.call('HMGET', KEYS[4], 'a', 'i', 'o', 'c', 'k', 's', 'x', 'm', 'e')
if not lease[1] then return {'GONE'} end

local function amounts(i, o, c)
  local all = {q = 1, i = tonumber(i), o = tonumber(o), c = tonumber(c)}
  all.t = all.i + all.o
  return all
end
local has, want = amounts(lease[2], lease[3], lease[4]), amounts(ARGV[10], ARGV[11], ARGV[12])
local moved = lease[7] or ''
local done = lease[9] == ARGV[8] and string.sub(moved, 1, #ARGV[14]) == ARGV[14]
  and has.i == want.i and has.o == want.o and has.c == want.c

local values = redis.call('MGET', KEYS[2], KEYS[3], unpack(KEYS, 7))
if not done then
  if not values[1] or not values[2] then return {'STALE'} end
  if tonumber(values[1]) > tonumber(ARGV[4]) or tonumber(values[2]) > tonumber(ARGV[5]) then return {'STALE'} end
end

-- what the lease holds, with the limits; and which smooth requests took it
local holds, taken, specs, at = {}, {}, cjson.decode(lease[6] or '[]'), 0
for name in string.gmatch((lease[5] or '') .. '\n', '([^\n]*)\n') do
  at = at + 1
  local spec = specs[at]
  if spec and name ~= '' then
    if spec[1] == 'r' then taken[name] = true else holds[name] = spec end
  end
end
for name, spec in string.gmatch(moved, '(%S+) ([^\n]+)') do holds[name] = cjson.decode(spec) end
for name in string.gmatch(ARGV[15], '[^\n]+') do taken[name] = true end

local here, more = {}, {'MORE', now}
for i = 7, #KEYS do here[KEYS[i]] = values[i - 4] end
for name in pairs(holds) do
  if here[name] == nil then more[#more + 1] = name end
end
if #more > 2 then return more end

local limits, missing, mine = cjson.decode(ARGV[13]), {}, {}
local key, used, held, calls, since, need, joins, fresh = {}, {}, {}, {}, {}, {}, {}, {}
at = 7
for i, limit in ipairs(limits) do
  local kind, each = limit[1], limit[14] == 1
  local this, value, mark = KEYS[at], values[at - 4], each and values[at - 3]
  at = at + (each and 2 or 1)
  key[i], mine[this] = this, true
  local seeded = value and #value == 32
  if seeded then
    used[i], held[i], calls[i], since[i] = struct.unpack('<dddd', value)
    if held[i] < 0 then held[i] = 0 end
  else
    used[i], held[i], calls[i], since[i], fresh[i] = 0, 0, 0, now, true
    if value then used[i], since[i] = struct.unpack('<dd', value) end
  end
  if kind == 'r' then
    joins[i] = not taken[this]
  else
    joins[i] = not (holds[this] and (seeded or done))
  end
  need[i] = joins[i] and want[limit[2]] or want[limit[2]] - has[limit[2]]
  local unknown = kind ~= 'r' or (joins[i] and lost and now < lost + math.max(limit[5], limit[9]) * limit[6] / limit[4])
  if not seeded and unknown and not mark and not done then missing[#missing + 1] = i end
  if now < limit[10] then limit[4], limit[5] = limit[8], limit[9] end
  if kind == 'r' or kind == 't' then
    local elapsed = now > since[i] and now - since[i] or 0
    if elapsed >= used[i] / limit[4] then used[i] = 0 else used[i] = used[i] - elapsed * limit[4] end
    if now > since[i] then since[i] = now end
  end
end
if #missing > 0 then
  table.insert(missing, 1, 'MISSING')
  return missing
end

for i, limit in ipairs(limits) do
  if joins[i] or need[i] > 0 then
    local kind, whole = limit[1], want[limit[2]]
    local over, retry = 0, 0
    if kind == 'r' or kind == 't' then
      local alone = used[i] + (whole - limit[5]) * limit[6]
      over = used[i] + (held[i] + need[i] - limit[5]) * limit[6]
      if alone > 0 then retry = now + math.ceil(alone / limit[4]) end
    else
      over = used[i] + held[i] + need[i] - limit[4]
      if kind == 'c' and used[i] + whole > limit[4] then
        retry = tonumber(lease[1]) >= limit[12] and limit[13] or limit[12]
      end
    end
    if over > 0 then
      local code = kind == 'c' and 'insufficient_quota' or 'rate_limited'
      if limit[7] == 1 then code = '~' .. code end
      local minute = string.format('%.0f', now - now % 60000000)
      redis.call('HINCRBY', KEYS[6], minute .. '\n' .. code .. '\n' .. limit[3] .. '\n' .. ARGV[9], 1)
      if limit[7] ~= 1 then return {'REFUSED', now, i, used[i], held[i], calls[i], retry} end
    end
  end
end

local reply = {'OK', now, epoch, done and seq or redis.call('HINCRBY', KEYS[1], 'seq', 1)}
for i, limit in ipairs(limits) do
  local kind = limit[1]
  if kind == 'r' then
    if joins[i] and not done then
      used[i] = used[i] + limit[6]
      redis.call('SET', key[i], struct.pack('<dddd', used[i], 0, 0, since[i]), 'PX', math.ceil(used[i] / limit[4] / 1000) + 60000)
    end
  else
    held[i] = held[i] + need[i]
    if not done then
      local value = struct.pack('<dddd', used[i], held[i], calls[i] + (joins[i] and 1 or 0), since[i])
      if kind ~= 'c' then
        redis.call('SET', key[i], value, 'PX', 172800000)
      elseif fresh[i] then
        local ends = tonumber(lease[1]) >= limit[12] and limit[13] or limit[12]
        redis.call('SET', key[i], value, 'PXAT', string.format('%.0f', math.floor(ends / 1000) + 172800000))
      else
        redis.call('SET', key[i], value, 'KEEPTTL')
      end
    end
  end
  reply[#reply + 1] = used[i]
  reply[#reply + 1] = held[i]
end
if not done then
  for name, limit in pairs(holds) do
    local value = here[name]
    if not mine[name] and value and #value == 32 then
      local u, h, n, t = struct.unpack('<dddd', value)
      value = struct.pack('<dddd', u, h - has[limit[2]], n - 1, t)
      if limit[1] == 'c' then
        redis.call('SET', name, value, 'KEEPTTL')
      else
        redis.call('SET', name, value, 'PX', 172800000)
      end
    end
  end
  local written = string.sub(ARGV[13], 2, -2)
  for name in pairs(taken) do
    if not mine[name] then
      key[#key + 1] = name
      written = written .. (written == '' and '' or ',') .. '["r"]'
    end
  end
  redis.call('HSET', KEYS[4], 'e', ARGV[8], 'i', ARGV[10], 'o', ARGV[11], 'c', ARGV[12], 'k', table.concat(key, '\n'),
    's', '[' .. written .. ']', 'x', ARGV[14], 'm', tonumber(lease[8] or 0) + 1)
end
redis.call('ZADD', KEYS[5], 'XX', 'GT', string.format('%.0f', now + tonumber(ARGV[7])), ARGV[6])
return reply
