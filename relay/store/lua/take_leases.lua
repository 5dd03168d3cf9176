-- Debits permits of shared zones before they are spent: one call for all zones of a tenant that a worker asks.
-- relay/throttle/granting.py and fairness.py are the same in Python; a test holds both to one another.
-- Follows clock.lua. Times are microseconds, by its clock.
-- KEYS[2]: of each zone keys.zone(...) and keys.zone_shares(...)
-- ARGV: worker, the generation that it knows or "", how many zones; of each zone: its limit as permits, period, delay
--   and lag; what is asked for as first, wanted and waited; what the worker granted itself, how long ago it began
--   to, and a number that names that debt; who asks as client or "", priority and weight
-- Returns: generation, whether data was lost, and of each zone: permits, opens_in, retry_in, contended, share_ppm
local ZONE_FIELDS, MOST_PERMITS, MOST_WEIGHT, ENDLESS = 13, 1e12, 1e6, 9e15
local HORIZON, BEYOND_HORIZON, WINDOW = 16000, 6000, 250000
local NEWCOMER, NEWCOMER_EACH, SPARE, SPARE_EACH = 10000, 20, 5000, 200
local MOST_AHEAD, SILENCE, SILENCE_PERMITS = 5, 400000, 4
local FORGOTTEN_WINDOWS, MOST_CORRECTION, CORRECTION_WINDOWS = 8, 0.1, 8
local GUARANTEED = {0.5, 0.25, 0.1}
local TOLD_LASTS, KEPT_MS = 5000000, 10000
local UNLIMITED = math.huge

local function exact(number) return string.format("%.17g", number) end

-- Shares: relay/throttle/fairness.py
local function level_of(capacity, demands)
  local left, unserved = capacity, 0
  for _, demand in ipairs(demands) do unserved = unserved + demand.weight end
  for _, demand in ipairs(demands) do
    if demand.rate * unserved > left * demand.weight then return left / unserved end
    left, unserved = left - demand.rate, unserved - demand.weight
  end
end

local function comes_before(one, other)
  local ratio, other_ratio = one.rate / one.weight, other.rate / other.weight
  if ratio ~= other_ratio then return ratio < other_ratio end
  return one.weight < other.weight
end

local function share_levels(capacity, classes)
  local parts, left, wanted, levels = {}, capacity, {}, {}
  for class = 1, 3 do
    wanted[class] = 0
    table.sort(classes[class], comes_before)
    for _, demand in ipairs(classes[class]) do wanted[class] = wanted[class] + demand.rate end
    parts[class] = math.min(wanted[class], GUARANTEED[class] * capacity)
    left = left - parts[class]
  end
  for class = 1, 3 do
    local more = math.min(left, wanted[class] - parts[class])
    parts[class], left = parts[class] + more, left - more
  end
  for class = 1, 3 do
    local last = classes[class][#classes[class]]
    levels[class] = level_of(parts[class], classes[class])
      or math.max(left, GUARANTEED[class] * capacity - wanted[class], last and last.rate / last.weight or 0)
  end
  return levels
end

local function read_share(text)
  local tat, window, used, rate, wanted_more_in = string.match(text, "^(%S+) (%S+) (%S+) (%S+) (%S+)$")
  return {
    tat = tonumber(tat), window = tonumber(window), used = tonumber(used), rate = tonumber(rate),
    wanted_more_in = tonumber(wanted_more_in),
  }
end

local function write_share(share)
  return table.concat({
    exact(share.tat), whole(share.window), whole(share.used), exact(share.rate), whole(share.wanted_more_in),
  }, " ")
end

local function rate_at(share, window)
  if window <= share.window then return share.rate end
  return (share.rate + share.used * 1000000 / WINDOW) / 2 / 2 ^ (window - share.window - 1)
end

local function turn_window(zone, ask, shares_key, now, window)
  local fields, classes = redis.call("HGETALL", shares_key), {{}, {}, {}}
  for at = 1, #fields, 2 do
    local share = read_share(fields[at + 1])
    if share.window < window - FORGOTTEN_WINDOWS then
      redis.call("HDEL", shares_key, fields[at])
    else
      local priority, weight = string.match(fields[at], "^(%d) (%d+) ")
      local rate = share.wanted_more_in >= window - 2 and UNLIMITED or rate_at(share, window)
      if rate > 0 then table.insert(classes[tonumber(priority) + 1], {weight = tonumber(weight), rate = rate}) end
    end
  end
  local ahead = zone.tat - now - math.floor(ask.delay / 2) - BEYOND_HORIZON
  local correction = math.max(-MOST_CORRECTION, math.min(MOST_CORRECTION, ahead / (CORRECTION_WINDOWS * WINDOW)))
  zone.window, zone.shared_out, zone.newcomer = window, now, 0
  zone.levels = share_levels(ask.permits * 1000000 / ask.period * (1 - correction), classes)
end

-- Grants: relay/throttle/granting.py
local function fits(ask, room)
  return room >= 0 and math.floor(room * ask.permits / ask.period) + 1 or 0
end

local function within_share(share, level, weight, now)
  local room = now + HORIZON - math.max(share.tat, now - WINDOW)
  return room >= 0 and math.floor(room * level * weight / 1000000) + 1 or 0
end

local function most_ahead(level, weight)
  return math.max(WINDOW, MOST_AHEAD * 1000000 / (level * weight))
end

local function charge_share(share, level, weight, permits, now)
  share.used = share.used + permits
  local tat = math.max(share.tat, now - WINDOW) + permits * 1000000 / (level * weight)
  share.tat = math.min(tat, now + most_ahead(level, weight))
end

local function retry_after(zone, ask, share, known, now, wait, spare_wait)
  if not share or known == 1 then return wait end
  if share.tat <= now + HORIZON then -- one after the other
    local turn = math.max(zone.promised, now + wait)
    zone.promised = turn + math.ceil(ask.period / ask.permits)
    return math.min(turn - now, math.max(wait, WINDOW))
  end
  local own = math.ceil(share.tat - now - HORIZON)
  return math.min(math.max(own, wait), math.max(spare_wait, SPARE, SPARE_EACH * known))
end

local function grant(zone, ask, shares_key, now)
  local window = math.floor(now / WINDOW)
  local arrival = math.max(zone.tat, now - math.min(ask.waited, ask.lag))
  local gate, within = now + ask.delay + HORIZON, ask.wanted
  local spare_gate, share, level, field = gate, nil, nil, nil
  if ask.party ~= "" then
    field = ask.priority .. " " .. ask.weight .. " " .. ask.party
    local text, known = redis.call("HGET", shares_key, field), redis.call("HLEN", shares_key)
    share = text and read_share(text)
    if not share or share.window < window - FORGOTTEN_WINDOWS then -- until one knows better it wants all it can have
      share = {tat = now - WINDOW, window = window, used = 0, rate = 0, wanted_more_in = window}
      redis.call("HSET", shares_key, field, write_share(share))
      known, zone.newcomer = text and known or known + 1, 1
    end
    local soon = zone.shared_out + math.max(NEWCOMER, NEWCOMER_EACH * known)
    if window > zone.window or (zone.newcomer == 1 and now >= soon) then
      turn_window(zone, ask, shares_key, now, window)
    end
    level = zone.levels[ask.priority + 1]
    if share.window < window then
      share.rate, share.used, share.window = rate_at(share, window), 0, window
    end
    if redis.call("HLEN", shares_key) > 1 then -- whoever is alone may have it all
      within = math.min(ask.wanted, within_share(share, level, ask.weight, now))
      local ahead = math.max(0, (share.tat - now) / most_ahead(level, ask.weight))
      spare_gate = now + math.floor((math.floor(ask.delay / 2) + BEYOND_HORIZON) * (1 - ahead))
    end
  end
  local permits = math.max(math.min(within, fits(ask, gate - arrival)), fits(ask, spare_gate - arrival))
  permits = math.min(permits, ask.wanted)
  if permits > 0 and permits < ask.first then permits = ask.first end
  if permits > 0 then zone.tat = arrival + math.ceil(permits * ask.period / ask.permits) end
  if permits < ask.wanted then zone.contended = window end
  if share then
    charge_share(share, level, ask.weight, permits, now)
    if permits < ask.wanted then share.wanted_more_in = window end
    redis.call("HSET", shares_key, field, write_share(share))
    redis.call("PEXPIRE", shares_key, KEPT_MS)
  end
  local retry = 0
  if permits == 0 then
    retry = math.max(1, retry_after(zone, ask, share, ask.party ~= "" and redis.call("HLEN", shares_key) or 0, now,
      arrival - gate, arrival - spare_gate))
  end
  return permits, arrival - ask.delay - now, retry, zone.contended >= window - 1 and 1 or 0
end

-- What part of the zone's rate the worker goes on with if it can't ask any more: all that were told add up to one.
-- An answer may be lost, so that a worker goes on with an older one. Others leave it the most of what it was told: the
-- field holds when a period of TOLD_LASTS began, the most that was told in it, and in the one before.
local function told_share(zone_key, fields, worker, now)
  local workers, others, own = 1, 0, nil
  for name, text in pairs(fields) do
    local other = string.match(name, "^w:(.+)$")
    if other then
      local began, most, most_before = string.match(text, "^(%d+) (%d+) (%d+)$")
      local told = {began = tonumber(began), most = tonumber(most), most_before = tonumber(most_before)}
      if told.began + 2 * TOLD_LASTS <= now then
        redis.call("HDEL", zone_key, name)
        if other ~= worker then redis.call("HDEL", zone_key, "d:" .. other) end
      elseif other == worker then
        own = told
      else
        local is_past = told.began + TOLD_LASTS <= now
        workers, others = workers + 1, others + math.max(told.most, is_past and 0 or told.most_before)
      end
    end
  end
  local share = math.max(0, math.min(math.floor(1000000 / workers), 1000000 - others))
  if not own then
    own = {began = now, most = share, most_before = 0}
  elseif own.began + TOLD_LASTS <= now then
    own = {began = now, most = share, most_before = own.most}
  else
    own.most = math.max(own.most, share)
  end
  local told = {whole(own.began), whole(own.most), whole(own.most_before)}
  redis.call("HSET", zone_key, "w:" .. worker, table.concat(told, " "))
  return share
end

-- Has the silence count as used up from when one began to be alone in it, if it does not yet. Others may have been
-- granted something meanwhile: what is taken off is by how much the bucket would have been further at the end of it.
local function take_off_silence(zone, ask, began)
  if zone.arrival_then == UNLIMITED or began >= zone.alone_until then return end
  zone.alone_from = math.max(zone.alone_from, began)
  local rest = zone.alone_until - ask.lag
  local used_up = math.max(zone.arrival_then, zone.alone_from) + zone.alone_until - zone.alone_from
  zone.tat = math.max(zone.tat, rest) + used_up - math.max(zone.arrival_then, rest)
  zone.arrival_then = UNLIMITED
end

-- What the worker granted itself while it could not ask, but for the time in which nobody asked. An ask that owes
-- nothing may only have lain in a store that hung: it tells of the silence all the same.
local function take_off(zone, ask, now, worker)
  local interval = math.ceil(ask.period / ask.permits)
  local silence = math.max(SILENCE, SILENCE_PERMITS * interval)
  if now - zone.asked > silence then
    if zone.arrival_then == UNLIMITED or zone.asked - zone.alone_until > silence then -- else it goes on: see granting.py
      zone.alone_from = math.max(0, zone.asked)
      zone.arrival_then = zone.asked > -UNLIMITED and math.max(0, zone.tat) or UNLIMITED
    end
    zone.alone_until = now
  end
  if ask.debit == 0 then return end
  local began = now - ask.began_ago
  take_off_silence(zone, ask, began)
  local all_alone = math.max(0, zone.alone_until - math.max(began, zone.alone_from))
  local permits = math.ceil(ask.debit * (1 - all_alone / math.max(1, ask.began_ago)))
  local debt, paid = string.match(zone.debts[worker] or "", "^(%d+) (%d+)$")
  paid = debt == whole(ask.debt) and tonumber(paid) or 0
  zone.debts[worker] = whole(ask.debt) .. " " .. whole(math.max(paid, permits))
  if permits > paid then
    zone.tat = math.max(zone.tat, began) + math.ceil((permits - paid) * ask.period / ask.permits)
  end
end

local function read_zone(key, ask, lost)
  local pairs_read, fields = redis.call("HGETALL", key), {}
  local debts = {}
  for at = 1, #pairs_read, 2 do
    local debtor = string.match(pairs_read[at], "^d:(.+)$")
    if debtor then debts[debtor] = pairs_read[at + 1] else fields[pairs_read[at]] = pairs_read[at + 1] end
  end
  local unknown = lost >= 0 and lost + ask.delay + ask.lag or -UNLIMITED
  local zone = {
    tat = fields.tat and tonumber(fields.tat) or unknown, contended = tonumber(fields.contended or "-2"),
    window = tonumber(fields.window or "-1"), shared_out = tonumber(fields.shared_out or "0"),
    newcomer = tonumber(fields.newcomer or "0"), promised = tonumber(fields.promised or "0"),
    asked = tonumber(fields.asked or -UNLIMITED),
    alone_from = tonumber(fields.alone_from or "0"), alone_until = tonumber(fields.alone_until or "0"),
    arrival_then = tonumber(fields.arrival_then or "") or UNLIMITED, debts = debts,
    levels = {tonumber(fields.level0 or "0"), tonumber(fields.level1 or "0"), tonumber(fields.level2 or "0")},
  }
  return zone, fields
end

local worker, asks = ARGV[1], {}
for number = 1, bounded(ARGV[3], 0, (#KEYS - 1) / 2) do
  local at = ZONE_FIELDS * (number - 1) + 4
  asks[number] = {
    terms = table.concat({ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]}, " "),
    permits = bounded(ARGV[at], 1, MOST_PERMITS), period = bounded(ARGV[at + 1], 1, LONGEST),
    delay = bounded(ARGV[at + 2], 0, LONGEST), lag = bounded(ARGV[at + 3], 0, LONGEST),
    first = bounded(ARGV[at + 4], 0, MOST_PERMITS), wanted = bounded(ARGV[at + 5], 0, MOST_PERMITS),
    waited = bounded(ARGV[at + 6], 0, LONGEST), debit = bounded(ARGV[at + 7], 0, MOST_PERMITS),
    began_ago = bounded(ARGV[at + 8], 0, LONGEST), debt = bounded(ARGV[at + 9], 0, LONGEST),
    party = ARGV[at + 10], priority = bounded(ARGV[at + 11], 0, 2), weight = bounded(ARGV[at + 12], 1, MOST_WEIGHT),
  }
end

local now, generation, lost = read_clock(ARGV[2])
local answer = {generation, lost >= 0 and 1 or 0}
for number, ask in ipairs(asks) do
  local zone_key, shares_key = KEYS[2 * number], KEYS[2 * number + 1]
  local zone, fields = read_zone(zone_key, ask, lost)
  if turns_to(zone_key, fields, ask.terms, now) then
    zone.tat = math.min(zone.tat, now + ask.delay + ask.lag + math.ceil(ask.period / ask.permits))
  end
  take_off(zone, ask, now, worker)
  local permits, opens_in, retry_in, contended = grant(zone, ask, shares_key, now)
  local share_ppm = told_share(zone_key, fields, worker, now)
  redis.call("HSET", zone_key, "contended", whole(zone.contended), "window", whole(zone.window),
    "shared_out", whole(zone.shared_out), "newcomer", zone.newcomer, "promised", whole(zone.promised),
    "asked", whole(now), "arrival_then", zone.arrival_then < UNLIMITED and whole(zone.arrival_then) or "", "alone_from", whole(zone.alone_from), "alone_until", whole(zone.alone_until),
    "level0", exact(zone.levels[1]), "level1", exact(zone.levels[2]), "level2", exact(zone.levels[3]))
  if zone.debts[worker] then redis.call("HSET", zone_key, "d:" .. worker, zone.debts[worker]) end
  if zone.tat > -UNLIMITED then redis.call("HSET", zone_key, "tat", whole(zone.tat)) end
  expire(zone_key, math.max(0, zone.tat - now), KEPT_MS)
  for _, value in ipairs({permits, opens_in, retry_in, contended, share_ppm}) do
    table.insert(answer, math.max(-ENDLESS, math.min(ENDLESS, value)))
  end
end
return answer
