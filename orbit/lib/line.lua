#!lua
-- LINE: one organization's background work, of which only some is with the workers at a time.
--
-- KEYS  1 jobs that are with the workers, by when nobody waits for them any more   2 jobs that wait, by their place
--       3 organizations to look at again: with jobs in 2 or 5   4 the last place that was given
--       5 jobs that were sent and that no worker has begun, by when they were sent
-- ARGV  1 the organization   2 how many of its jobs may be with the workers   3 how many may wait
--       4 'join', 'end' or ''   5 the job: JSON of [task, arguments, seconds]
--       6 after how many seconds what no worker has begun is sent once more; '' for not now
-- Reply 1 when the job is new in line, else 0; then the jobs to send: at most ARGV[2] that come now, and those once more.
--       {'FULL'} when too many wait, and nothing is changed.
-- A job that waits already keeps its place; one that is with the workers may wait to be there once more.
--
-- Example  nobody waits, two may be there:
--   EVALSHA … 5 there waiting lines place sent  o 2 1000 join '["t",["o",1],60]' ''  → {1, '["t",["o",1],60]'}
local time = redis.call('TIME')
local now = tonumber(time[1])
local new = 0
if ARGV[4] == 'join' then
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return {'FULL'} end
  new = redis.call('ZADD', KEYS[2], 'NX', redis.call('INCR', KEYS[4]), ARGV[5])
elseif ARGV[4] == 'end' then
  redis.call('ZREM', KEYS[1], ARGV[5])
  redis.call('ZREM', KEYS[5], ARGV[5])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)

local room = tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1])
local called = {new}
if ARGV[6] ~= '' then
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now - tonumber(ARGV[6]))) do
    redis.call('ZREM', KEYS[5], job)
    if redis.call('ZSCORE', KEYS[1], job) then called[#called + 1] = job end
  end
end
for _, job in ipairs(redis.call('ZRANGE', KEYS[2], 0, 2 * tonumber(ARGV[2]))) do
  if room <= 0 then break end
  if not redis.call('ZSCORE', KEYS[1], job) then
    redis.call('ZREM', KEYS[2], job)
    redis.call('ZADD', KEYS[1], now + cjson.decode(job)[3], job)
    redis.call('ZADD', KEYS[5], now, job)
    called[#called + 1], room = job, room - 1
  end
end

if redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[5]) > 0 then
  redis.call('SADD', KEYS[3], ARGV[1])
else
  redis.call('SREM', KEYS[3], ARGV[1])
end
return called
