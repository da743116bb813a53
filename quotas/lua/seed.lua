#!lua
-- SEED: starts a calendar counter with what the ledger and the unread events say was used. Set once.
--
-- KEYS  1 stream  2 counter
-- ARGV  1 the last stream id that was read   2 used   3 when the counter expires, in milliseconds since 1970
-- Reply 'OK'; 'KEPT' when the counter existed; 'MOVED' when an event came after that id, nothing changed.
--
-- Example  EVALSHA … 2 events day 1-0 1200 1700086400000  → 'OK'
if #redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', 1) > 0 then return 'MOVED' end
if redis.call('HSETNX', KEYS[2], 'u', ARGV[2]) == 0 then return 'KEPT' end
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
return 'OK'
