-- A worker says how many connections it holds under each cap, and that it is alive.
-- Follows clock.lua.
-- KEYS[2]: keys.cap_holders(tenant), then each cap's key
-- ARGV: worker, known generation, for how long a worker counts as alive and for how long after a silence all that were
--   alive before still do (microseconds), how many caps; of each cap: how many connections it holds, and the limit
-- Returns: generation, and of each cap: how many of the worker's connections are too many, and how many all hold
local worker, alive_us, settle_us = ARGV[1], bounded(ARGV[3], 0, LONGEST), bounded(ARGV[4], 0, LONGEST)
local caps = {}
for number = 1, bounded(ARGV[5], 0, #KEYS - 2) do
  local at = 4 + 2 * number
  caps[number] = {
    key = KEYS[2 + number], held = bounded(ARGV[at], 0, LONGEST), limit = bounded(ARGV[at + 1], 0, LONGEST),
  }
end

local now, generation, _, dead_by = read_clock(ARGV[2], settle_us)
local ends = redis.call("ZSCORE", KEYS[2], worker)
local was_alive = ends and tonumber(ends) > dead_by
redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", whole(dead_by))
redis.call("ZADD", KEYS[2], whole(now + alive_us), worker)
redis.call("PEXPIRE", KEYS[2], CLOCK_KEPT_MS)

local answer = {generation}
for _, cap in ipairs(caps) do
  local fields, others, surplus = redis.call("HGETALL", cap.key), 0, 0
  for at = 1, #fields, 2 do
    if fields[at] ~= worker then
      if redis.call("ZSCORE", KEYS[2], fields[at]) then
        others = others + tonumber(fields[at + 1])
      else
        redis.call("HDEL", cap.key, fields[at])
      end
    end
  end
  if not was_alive then -- others may have been let in meanwhile
    surplus = math.min(cap.held, math.max(0, cap.held + others - cap.limit))
  end
  if cap.held - surplus > 0 then
    redis.call("HSET", cap.key, worker, whole(cap.held - surplus))
    redis.call("PEXPIRE", cap.key, CLOCK_KEPT_MS)
  else
    redis.call("HDEL", cap.key, worker)
  end
  table.insert(answer, surplus)
  table.insert(answer, others + cap.held - surplus)
end
return answer
