-- Adds up what workers spent of shared zones, second by second, and tells the most that any stretch of the last minute
-- holds.
-- KEYS[1]: keys.gauges(tenant), then keys.gauge(...) of each zone
-- ARGV[1]: how many zones. Of each zone: its name, what was spent since the worker last spoke, and its limit in words
-- Returns: of each zone the most in 10 and in 60 seconds
local KEPT_SECONDS, WINDOWS = 60, {10, 60}

local function number_in(text)
  local number = tonumber(text)
  if not number or number ~= number or number < 0 or number > 1e15 then
    error({err = "ERR floodgate: an argument is no count"})
  end
  return math.floor(number)
end

-- The most in any stretch of so many seconds that ended in the last minute. A stretch gives up the counts that it took
-- in, and no others.
local function most_in(counts, now, seconds)
  local sum, most, first = 0, 0, now - KEPT_SECONDS - seconds + 2
  for second = first, now do
    sum = sum + (counts[second] or 0)
    if second - seconds >= first then sum = sum - (counts[second - seconds] or 0) end
    if second > now - KEPT_SECONDS then most = math.max(most, sum) end
  end
  return most
end

local time = redis.call("TIME")
local now, answer = tonumber(time[1]), {}
for number = 1, number_in(ARGV[1]) do
  local key, at = KEYS[1 + number], 3 * number - 1
  local name, spent, limit = ARGV[at], number_in(ARGV[at + 1]), ARGV[at + 2]
  redis.call("HINCRBY", key, string.format("%.0f", now), string.format("%.0f", spent))
  redis.call("PEXPIRE", key, 3 * KEPT_SECONDS * 1000)
  local fields, counts = redis.call("HGETALL", key), {}
  for field = 1, #fields, 2 do
    local second = tonumber(fields[field])
    if second < now - 2 * KEPT_SECONDS or second > now + 1 then
      redis.call("HDEL", key, fields[field])
    else
      counts[second] = tonumber(fields[field + 1])
    end
  end
  local most = {}
  for _, seconds in ipairs(WINDOWS) do table.insert(most, most_in(counts, now, seconds)) end
  redis.call("HSET", KEYS[1], name, table.concat({limit, most[1], most[2], now}, " "))
  for _, count in ipairs(most) do table.insert(answer, count) end
end
redis.call("PEXPIRE", KEYS[1], 3 * KEPT_SECONDS * 1000)
return answer
