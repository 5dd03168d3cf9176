-- What scripts on a tenant's shared limits have in common: put in front of them.
-- Microseconds that never run backwards: where Redis' own time steps back, they go on from where they were.
-- The generation names the data. A worker that knows another one says that Redis has lost what was granted.
-- KEYS[1]: keys.store_clock(tenant)
-- ARGV: as the script says that follows
-- Returns: nothing; the script that follows does
local CLOCK_KEPT_MS, SILENCE, LAGGING = 86400000, 4000000, 2000000
local LONGEST = 1e15 -- thirty years, so that no sum leaves the whole numbers that Lua can count

local function whole(number) return string.format("%.0f", number) end

-- Reads an argument. To be called before anything is written: what is no number ends the script.
local function bounded(text, least, most)
  local number = tonumber(text)
  if not number or number ~= number or math.abs(number) == math.huge then
    error({err = "ERR floodgate: an argument is no number"})
  end
  return math.max(least, math.min(most, math.floor(number)))
end

local function expire(key, microseconds, kept_ms)
  redis.call("PEXPIRE", key, whole(math.min(math.ceil(microseconds / 1000), LONGEST / 1000) + kept_ms))
end

-- Tells whether a zone must turn to another version of its policy: then what was spent stays spent, up to its burst.
-- It does not turn back for a worker that lags behind. In turns with the others it would be forgiven a burst each time.
local function turns_to(key, known, terms, now)
  if known.terms == terms then return false end
  if known.former == terms and now < tonumber(known.turned) + LAGGING then return false end
  redis.call("HSET", key, "terms", terms, "former", known.terms or "", "turned", whole(now))
  return true
end

-- Tells whether a worker's name, "process/life", is of a former life of the process of another.
local function is_former_life(name, other)
  local process, life = string.match(name, "^(.*)/(%d+)$")
  local same, later = string.match(other, "^(.*)/(%d+)$")
  return process ~= nil and process == same and tonumber(life) < tonumber(later)
end

-- Returns the time, the generation, when data was found to be lost or -1, and the time by which whoever had not spoken
-- is taken for dead. After a silence that is when it began: then Redis was not there, or its time leapt, and for a
-- while nobody can be blamed.
local function read_clock(known_generation, settle_us)
  local names = {"last", "offset", "generation", "lost", "silent_from", "resumed"}
  local clock = redis.call("HMGET", KEYS[1], unpack(names))
  local time = redis.call("TIME")
  local last, offset = tonumber(clock[1] or "0"), tonumber(clock[2] or "0")
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2]) + offset
  if now < last then
    offset, now = offset + last - now, last
  end
  local generation, lost = clock[3] or whole(now), tonumber(clock[4] or "-1")
  if known_generation ~= "" and known_generation ~= generation and lost < 0 then
    lost = now -- zones that are not known here count as used up at this moment
  end
  local silent_from, resumed = tonumber(clock[5] or "-1"), tonumber(clock[6] or "-1")
  if last > 0 and now - last > SILENCE then
    if resumed < 0 or last > resumed + SILENCE then silent_from = last end -- else not all have spoken in between
    resumed = now
  end
  redis.call("HSET", KEYS[1], "last", whole(now), "offset", whole(offset), "generation", generation,
    "lost", whole(lost), "silent_from", whole(silent_from), "resumed", whole(resumed))
  redis.call("PEXPIRE", KEYS[1], CLOCK_KEPT_MS)
  local dead_by = resumed >= 0 and now < resumed + (settle_us or 0) and silent_from or now
  return now, generation, lost, dead_by
end

