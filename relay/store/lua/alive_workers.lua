-- Tells which relay processes are alive, and changes nothing: who only looks must not hide a silence from them.
-- KEYS[1]: keys.workers_clock(), then keys.workers()
-- ARGV: none
-- Returns: their names
local clock = redis.call("HMGET", KEYS[1], "last", "offset")
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000000 + tonumber(time[2]) + tonumber(clock[2] or "0")
return redis.call("ZRANGE", KEYS[2], string.format("(%.0f", math.max(now, tonumber(clock[1] or "0"))), "+inf", "BYSCORE")
