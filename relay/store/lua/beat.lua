-- A relay process says that it is alive, and hears which are: by Redis' own time, as hosts' clocks differ.
-- Follows clock.lua.
-- KEYS[2]: keys.workers()
-- ARGV: worker, the generation that it knows or "", for how long one that says nothing is taken for alive, and for how
--   long after a silence all that were alive before still are (microseconds)
-- Returns: generation, whether it is so new that some may not have spoken yet, whether the worker was taken for dead,
--   and of each that is alive: its name, and for how many microseconds it is without another word
local worker, alive_us, settle_us = ARGV[1], bounded(ARGV[3], 0, LONGEST), bounded(ARGV[4], 0, LONGEST)
local now, generation, _, dead_by = read_clock(ARGV[2], settle_us)
local ends = redis.call("ZSCORE", KEYS[2], worker)
local lapsed = ARGV[2] ~= "" and not (ends and tonumber(ends) > dead_by)
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", whole(dead_by))
redis.call("ZADD", KEYS[2], whole(now + alive_us), worker)
redis.call("PEXPIRE", KEYS[2], CLOCK_KEPT_MS)

local answer = {generation, now - tonumber(generation) < alive_us and 1 or 0, lapsed and 1 or 0}
local all = redis.call("ZRANGE", KEYS[2], 0, -1, "WITHSCORES")
for at = 1, #all, 2 do
  table.insert(answer, all[at])
  table.insert(answer, math.max(tonumber(all[at + 1]) - now, 0))
end
return answer
