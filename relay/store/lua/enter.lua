-- Lets connections in, one after the other, or not: of each all handshake zones are charged and all caps taken,
-- or none.
-- Follows clock.lua.
-- KEYS[2]: each zone's key, then each cap's key
-- ARGV: worker, as "process/life"; known generation, for how long after a loss of data caps are not known
--   (microseconds), the names of workers that are dead, with blanks between; how many zones,
--   caps and connections; of each zone: permits, period, delay, burst (the last three in microseconds); of each cap:
--   limit, and how many the worker holds under it; of each connection: the numbers of its zones, and of its caps, with
--   blanks between
-- Returns: generation, the other workers whose connections caps count that are full; of each connection: result ("in",
--   "full", "rejected", "stranger", "unsettled"), which of its caps or zones refuses, microseconds to wait, and how many
--   connections each of its caps counts then
local MOST_CONNECTIONS = 1024
local worker, settle_us, dead = ARGV[1], bounded(ARGV[3], 0, LONGEST), {}
for name in string.gmatch(ARGV[4], "%S+") do dead[name] = true end
local zone_count, cap_count = bounded(ARGV[5], 0, #KEYS - 1), bounded(ARGV[6], 0, #KEYS - 1)
local zones, caps, connections = {}, {}, {}
for number = 1, zone_count do
  local at = 4 + 4 * number
  local permits, period = bounded(ARGV[at], 1, LONGEST), bounded(ARGV[at + 1], 1, LONGEST)
  zones[number] = {
    key = KEYS[1 + number], cost = math.ceil(period / permits), terms = table.concat(ARGV, " ", at, at + 3),
    delay = bounded(ARGV[at + 2], 0, LONGEST), burst = bounded(ARGV[at + 3], 0, LONGEST),
  }
end
for number = 1, cap_count do
  local at = 6 + 4 * zone_count + 2 * number
  local limit, held = bounded(ARGV[at], 0, LONGEST), bounded(ARGV[at + 1], 0, LONGEST)
  caps[number] = {key = KEYS[1 + zone_count + number], limit = limit, held = held}
end

local function chosen(words, from)
  local found = {}
  for number in string.gmatch(words or "", "%d+") do table.insert(found, from[bounded(number, 1, #from)]) end
  return found
end

for number = 1, bounded(ARGV[7], 0, MOST_CONNECTIONS) do
  local at = 6 + 4 * zone_count + 2 * cap_count + 2 * number
  connections[number] = {zones = chosen(ARGV[at], zones), caps = chosen(ARGV[at + 1], caps)}
end

local now, generation, lost = read_clock(ARGV[2])
local answer, others = {generation, {}}, {}
local is_settled, is_stranger = lost < 0 or now >= lost + settle_us, false
for _, cap in ipairs(caps) do
  cap.total, cap.known, cap.others, cap.gone = cap.held, 0, {}, {}
  local fields, is_known = redis.call("HGETALL", cap.key), false
  for at = 1, #fields, 2 do
    local name, count = fields[at], tonumber(fields[at + 1])
    if name == worker then
      cap.known, is_known = count, true
    elseif dead[name] or is_former_life(name, worker) then
      table.insert(cap.gone, name)
    else
      is_stranger = is_stranger or is_former_life(worker, name) -- it speaks late
      cap.total = cap.total + count
      table.insert(cap.others, name)
    end
  end
  -- Or its connections do not count any more: it must say what it holds first.
  is_stranger = is_stranger or (cap.held > 0 and not is_known)
end
if is_stranger then
  for number in ipairs(connections) do answer[2 + number] = {"stranger", 0, 0} end
  return answer
end
for _, cap in ipairs(caps) do
  if #cap.gone > 0 then redis.call("HDEL", cap.key, unpack(cap.gone)) end
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
    if cap.total >= cap.limit then
      for _, name in ipairs(cap.others) do others[name] = true end
      return number
    end
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

for number, connection in ipairs(connections) do answer[2 + number] = let_in(connection) end
for name in pairs(others) do table.insert(answer[2], name) end

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
end
return answer
