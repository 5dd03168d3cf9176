-- Lets one connection in, or not: all of its handshake zones are charged and all of its caps taken, or none.
-- Follows clock.lua.
-- KEYS[2]: keys.cap_holders(tenant), then each zone's key, then each cap's key
-- ARGV: worker, known generation, for how long a worker counts as alive and for how long after a loss of data caps are
--   not known (microseconds), whether it holds connections already ("1" or "0"), how many zones, how many caps;
--   of each zone: permits, period, delay, burst (the last three in microseconds); of each cap: limit
-- Returns: generation, result ("in", "full", "rejected", "stranger", "unsettled"), number of the cap or zone that
--   refuses, microseconds to wait, and how many connections each cap counts now
local worker, holds = ARGV[1], ARGV[5]
local alive_us, settle_us = bounded(ARGV[3], 0, LONGEST), bounded(ARGV[4], 0, LONGEST)
local zone_count, cap_count = bounded(ARGV[6], 0, #KEYS - 2), bounded(ARGV[7], 0, #KEYS - 2)
local zones, caps = {}, {}
for number = 1, zone_count do
  local at = 4 + 4 * number
  local permits, period = bounded(ARGV[at], 1, LONGEST), bounded(ARGV[at + 1], 1, LONGEST)
  zones[number] = {
    key = KEYS[2 + number], cost = math.ceil(period / permits), terms = table.concat(ARGV, " ", at, at + 3),
    delay = bounded(ARGV[at + 2], 0, LONGEST), burst = bounded(ARGV[at + 3], 0, LONGEST),
  }
end
for number = 1, cap_count do
  caps[number] = {key = KEYS[2 + zone_count + number], limit = bounded(ARGV[7 + 4 * zone_count + number], 0, LONGEST)}
end

local now, generation, lost, dead_by = read_clock(ARGV[2], settle_us)
local function is_alive(name)
  local ends = redis.call("ZSCORE", KEYS[2], name)
  return ends and tonumber(ends) > dead_by
end

if holds == "1" and not is_alive(worker) then
  return {generation, "stranger", 0, 0} -- its connections are not counted any more: it must say what it holds first
end
if cap_count > 0 and lost >= 0 and now < lost + settle_us then
  return {generation, "unsettled", 0, lost + settle_us - now} -- not all have said yet what they hold
end

local counts, full = {}, nil
for number, cap in ipairs(caps) do
  local fields, total = redis.call("HGETALL", cap.key), 0
  for at = 1, #fields, 2 do
    if is_alive(fields[at]) then
      total = total + tonumber(fields[at + 1])
    else
      redis.call("HDEL", cap.key, fields[at])
    end
  end
  counts[number] = total
  if total >= cap.limit then full = full or number end
end
if full then
  return {generation, "full", full, 0, unpack(counts)}
end

local wait, refused, retry = 0, 0, 0
for number, zone in ipairs(zones) do
  local tat, terms, former, turned = unpack(redis.call("HMGET", zone.key, "tat", "terms", "former", "turned"))
  tat = math.max(now, tat and tonumber(tat) or (lost >= 0 and lost + zone.burst or 0))
  if turns_to(zone.key, {terms = terms, former = former, turned = turned}, zone.terms, now) then
    tat = math.min(tat, now + zone.burst + zone.cost)
    redis.call("HSET", zone.key, "tat", whole(tat))
    expire(zone.key, tat - now, LAGGING / 1000)
  end
  local excess = tat - now
  if excess - zone.burst > retry then
    refused, retry = number, excess - zone.burst
  end
  wait, zone.tat = math.max(wait, excess - zone.delay), tat + zone.cost
end
if refused > 0 then
  return {generation, "rejected", refused, retry, unpack(counts)}
end
for _, zone in ipairs(zones) do
  redis.call("HSET", zone.key, "tat", whole(zone.tat))
  expire(zone.key, zone.tat - now, LAGGING / 1000)
end
if cap_count > 0 then
  redis.call("ZREMRANGEBYSCORE", KEYS[2], "-inf", whole(dead_by))
  redis.call("ZADD", KEYS[2], whole(now + alive_us), worker)
  redis.call("PEXPIRE", KEYS[2], CLOCK_KEPT_MS)
end
for number, cap in ipairs(caps) do
  redis.call("HINCRBY", cap.key, worker, 1)
  redis.call("PEXPIRE", cap.key, CLOCK_KEPT_MS)
  counts[number] = counts[number] + 1
end
return {generation, "in", 0, wait, unpack(counts)}
