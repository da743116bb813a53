#!lua flags=allow-oom
-- RESTORE: brings back a lease, or an event, that the store has lost and a worker still knows. Once, by lease id.
--
-- KEYS  1 meta  2 lease  3 leases  4 tombstone  5 stream, then the lease's counters of the limits that are not of kind r
-- ARGV  1 now in microseconds, '' for the server's own clock   2 'lease', or 'event' for a call that has ended
--       3 lease id   4 its event   5 lease in microseconds, or for an event the life of its tombstone in milliseconds
--       and for a lease: 6 admitted in microseconds   7 input tokens   8 output tokens   9 cost in nano: held
--       10 the limits as JSON, see reserve.lua; '[]' with no counters when they are not known
-- Reply 'OK', or 'KNOWN': the lease is open or has ended, nothing changed.
-- Counters that exist take what the lease holds; the others count it when they are seeded. An event is charged by
-- the seeds alone, so it is only for a shard that is closed and whose counters are dropped.
--
-- Example  EVALSHA … 5 meta lease leases tomb events  '' lease id {…} 30000000 1700000000000000 20 200 110 []  → 'OK'
local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(now)
end
if redis.call('PEXPIRE', KEYS[4], 900000) == 1 then return 'KNOWN' end -- and it stays so while somebody asks
if ARGV[2] == 'event' then
  redis.call('XADD', KEYS[5], '*', 'e', ARGV[4], 't', string.format('%.0f', now), 'k', 'call')
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[3], ARGV[3])
  redis.call('SET', KEYS[4], 'settled', 'PX', ARGV[5])
  return 'OK'
end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'KNOWN' end
local held = {q = 1, i = tonumber(ARGV[7]), o = tonumber(ARGV[8]), c = tonumber(ARGV[9])}
held.t = held.i + held.o
local at, names = 5, {}
for i, limit in ipairs(cjson.decode(ARGV[10])) do
  names[i] = ''
  if limit[1] ~= 'r' then
    at = at + 1
    names[i] = KEYS[at]
    local value = redis.call('GET', KEYS[at])
    if value and #value == 32 then
      local u, h, n, t = struct.unpack('<dddd', value)
      redis.call('SET', KEYS[at], struct.pack('<dddd', u, h + held[limit[2]], n + 1, t), 'KEEPTTL')
    end
  end
end
redis.call('HSET', KEYS[2], 'e', ARGV[4], 'a', ARGV[6], 'i', ARGV[7], 'o', ARGV[8], 'c', ARGV[9],
  'k', table.concat(names, '\n'), 's', ARGV[10])
redis.call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[5])), ARGV[3])
redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HINCRBY', KEYS[1], 'restored', 1) -- whoever is about to seed a counter looks the leases up again
return 'OK'
