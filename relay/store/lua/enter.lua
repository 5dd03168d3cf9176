-- Lets connections in, one after the other, or not: of each all handshake zones are charged and all caps taken,
-- or none.
-- Follows clock.lua.
-- KEYS[2]: keys.cap_holders(tenant), then each zone's key, then each cap's key
-- ARGV: worker, known generation, for how long a worker counts as alive and for how long after a loss of data caps are
--   not known (microseconds), whether it holds connections already ("1" or "0"), how many zones,
--   caps and connections; of each zone: permits, period, delay, burst (the last three in microseconds); of each cap:
--   limit, and how many the worker holds under it; of each connection: the numbers of its zones, and of its caps, with
--   blanks between
-- Returns: generation, and of each connection: result ("in", "full", "rejected", "stranger", "unsettled"), which of its
--   caps or zones refuses, microseconds to wait, and how many connections each of its caps counts then
local MOST_CONNECTIONS = 1024
local worker, holds = ARGV[1], ARGV[5]
local alive_us, settle_us = bounded(ARGV[3], 0, LONGEST), bounded(ARGV[4], 0, LONGEST)
local zone_count, cap_count = bounded(ARGV[6], 0, #KEYS - 2), bounded(ARGV[7], 0, #KEYS - 2)
local zones, caps, connections = {}, {}, {}
for number = 1, zone_count do
  local at = 5 + 4 * number
  local permits, period = bounded(ARGV[at], 1, LONGEST), bounded(ARGV[at + 1], 1, LONGEST)
  zones[number] = {
    key = KEYS[2 + number], cost = math.ceil(period / permits), terms = table.concat(ARGV, " ", at, at + 3),
    delay = bounded(ARGV[at + 2], 0, LONGEST), burst = bounded(ARGV[at + 3], 0, LONGEST),
  }
end
for number = 1, cap_count do
  local at = 7 + 4 * zone_count + 2 * number
  local limit, held = bounded(ARGV[at], 0, LONGEST), bounded(ARGV[at + 1], 0, LONGEST)
  caps[number] = {key = KEYS[2 + zone_count + number], limit = limit, held = held}
end

local function chosen(words, from)
  local found = {}
  for number in string.gmatch(words or "", "%d+") do table.insert(found, from[bounded(number, 1, #from)]) end
  return found
end

for number = 1, bounded(ARGV[8], 0, MOST_CONNECTIONS) do
  local at = 7 + 4 * zone_count + 2 * cap_count + 2 * number
  connections[number] = {zones = chosen(ARGV[at], zones), caps = chosen(ARGV[at + 1], caps)}
end

local now, generation, lost, dead_by = read_clock(ARGV[2], settle_us)
local function is_alive(name)
  local ends = redis.call("ZSCORE", KEYS[2], name)
  return ends and tonumber(ends) > dead_by
end

local answer = {generation}
if holds == "1" and not is_alive(worker) then -- its connections do not count any more: it must say what it holds first
  for number in ipairs(connections) do answer[1 + number] = {"stranger", 0, 0} end
  return answer
end
local is_settled = lost < 0 or now >= lost + settle_us

for _, cap in ipairs(is_settled and caps or {}) do
  local fields = redis.call("HGETALL", cap.key)
  cap.total, cap.known = cap.held, 0
  for at = 1, #fields, 2 do
    if fields[at] == worker then
      cap.known = tonumber(fields[at + 1])
    elseif is_alive(fields[at]) then
      cap.total = cap.total + tonumber(fields[at + 1])
    else
      redis.call("HDEL", cap.key, fields[at])
    end
  end
end

for _, zone in ipairs(zones) do
  local tat, terms, former, turned = unpack(redis.call("HMGET", zone.key, "tat", "terms", "former", "turned"))
  zone.tat = math.max(now, tat and tonumber(tat) or (lost >= 0 and lost + zone.burst or 0))
  if turns_to(zone.key, {terms = terms, former = former, turned = turned}, zone.terms, now) then
    zone.tat, zone.is_charged = math.min(zone.tat, now + zone.burst + zone.cost), true
  end
end

local function totals_of(connection, ...)
  local told = {...}
  for _, cap in ipairs(connection.caps) do table.insert(told, cap.total) end
  return told
end

local function first_full(connection)
  for number, cap in ipairs(connection.caps) do
    if cap.total >= cap.limit then return number end
  end
end

local function let_in(connection)
  if #connection.caps > 0 and not is_settled then -- not all have said yet what they hold
    return {"unsettled", 0, lost + settle_us - now}
  end
  local full = first_full(connection)
  if full then return totals_of(connection, "full", full, 0) end
  local wait, refused, retry = 0, 0, 0
  for number, zone in ipairs(connection.zones) do
    local excess = zone.tat - now
    if excess - zone.burst > retry then
      refused, retry = number, excess - zone.burst
    end
    wait = math.max(wait, excess - zone.delay)
  end
  if refused > 0 then return totals_of(connection, "rejected", refused, retry) end
  for _, zone in ipairs(connection.zones) do
    zone.tat, zone.is_charged = zone.tat + zone.cost, true
  end
  for _, cap in ipairs(connection.caps) do
    cap.total, cap.held, cap.is_taken = cap.total + 1, cap.held + 1, true
  end
  return totals_of(connection, "in", 0, wait)
end

for number, connection in ipairs(connections) do answer[1 + number] = let_in(connection) end

for _, zone in ipairs(zones) do
  if zone.is_charged then
    redis.call("HSET", zone.key, "tat", whole(zone.tat))
    expire(zone.key, zone.tat - now, LAGGING / 1000)
  end
end
for _, cap in ipairs(is_settled and caps or {}) do
  if cap.known ~= cap.held then -- some came, or have left
    redis.call("HSET", cap.key, worker, whole(cap.held))
    redis.call("PEXPIRE", cap.key, CLOCK_KEPT_MS)
  end
  if cap.is_taken then
    redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", whole(dead_by))
    redis.call("ZADD", KEYS[2], whole(now + alive_us), worker)
    redis.call("PEXPIRE", KEYS[2], CLOCK_KEPT_MS)
  end
end
return answer
