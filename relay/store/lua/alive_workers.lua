-- Tells which relay processes are alive, by Redis' own time: hosts' clocks differ. Whoever speaks is.
-- KEYS[1]: keys.workers()
-- ARGV: for how long one that says nothing is taken for alive (milliseconds), and the name of the one that speaks or ""
-- Returns: the names of all that are alive
local time, kept_ms, worker = redis.call("TIME"), tonumber(ARGV[1]), ARGV[2]
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local function seconds(number) return string.format("%.6f", number) end
local first, last = seconds(now - kept_ms / 1000), seconds(now + kept_ms / 1000) -- time may have stepped back a little
if worker ~= "" then
  redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", "(" .. first)
  redis.call("ZREMRANGEBYSCORE", KEYS[1], "(" .. last, "+inf") -- they will speak again
  redis.call("ZADD", KEYS[1], seconds(now), worker)
  redis.call("PEXPIRE", KEYS[1], 2 * kept_ms)
end
return redis.call("ZRANGE", KEYS[1], first, last, "BYSCORE")
