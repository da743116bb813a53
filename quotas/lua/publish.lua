#!lua
-- PUBLISH: makes a version or generation known if it is newer, for a month from its last use.
--
-- KEYS  1 version or generation
-- ARGV  1 value
-- Reply the newest value.
--
-- Example  EVALSHA … 1 v 7  → 7
local known = tonumber(redis.call('GET', KEYS[1]) or -1)
local value = tonumber(ARGV[1])
if value < known then return known end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 2678400000)
return value
