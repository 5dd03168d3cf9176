-- Writes down which version of each policy of a tenant a relay process enforces, and since when.
-- A policy of which it has no client is enforced as it was announced: whoever comes is let in under that version.
-- KEYS[1]: keys.receipts(tenant)
-- KEYS[2]: keys.announced(tenant)
-- ARGV: worker, id of the announcement that it has applied, id of the one after which it began, for how long a receipt
--   is kept (milliseconds); of each policy that one of its clients is held to: its id, its version
-- Returns: Redis' time (Unix milliseconds)
local worker, applied, began, kept_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function is_covered(entry, by)
  local ms, number = string.match(entry, "^(%d+)-(%d+)$")
  local by_ms, by_number = string.match(by, "^(%d+)-(%d+)$")
  ms, by_ms = tonumber(ms), tonumber(by_ms)
  return ms < by_ms or (ms == by_ms and tonumber(number) <= tonumber(by_number))
end

local function receipt_of(text) -- nothing where it is damaged
  local is_read, receipt = pcall(cjson.decode, text)
  if
    is_read
    and type(receipt) == "table"
    and type(receipt.applied_ms) == "number"
    and type(receipt.enforced) == "table"
    and string.match(tostring(receipt.entry_id), "^%d+%-%d+$")
  then
    return receipt
  end
end

local former
local receipts = redis.call("HGETALL", KEYS[1])
for at = 1, #receipts, 2 do
  local receipt = receipt_of(receipts[at + 1])
  if not receipt or receipt.applied_ms < now - kept_ms then
    redis.call("HDEL", KEYS[1], receipts[at])
  elseif receipts[at] == worker then
    former = receipt
  end
end

local applied_ms, enforced = now, {}
if former and is_covered(applied, former.entry_id) then
  applied, applied_ms = former.entry_id, former.applied_ms
end

local function enforce(policy, version, since_ms, is_held)
  local known = former and former.enforced[policy]
  if known and known.version == version then
    since_ms = known.since_ms
  end
  enforced[policy] = {version = version, since_ms = since_ms, is_held = is_held}
end

local announced = redis.call("HGETALL", KEYS[2])
for at = 1, #announced, 2 do
  local policy, version, entry = announced[at], string.match(announced[at + 1], "^(%d+) (%d+%-%d+)$")
  if version and is_covered(entry, applied) then
    -- where the announcement was written down only after it had been applied, it counts from then
    enforce(policy, tonumber(version), former and is_covered(entry, former.entry_id) and former.applied_ms or now, false)
  elseif former and former.enforced[policy] then
    enforced[policy] = former.enforced[policy]
  end
end
for at = 5, #ARGV, 2 do
  enforce(ARGV[at], tonumber(ARGV[at + 1]), now, true)
end
local receipt = {entry_id = applied, applied_ms = applied_ms, began_after = began, enforced = enforced}
redis.call("HSET", KEYS[1], worker, cjson.encode(receipt))
redis.call("PEXPIRE", KEYS[1], kept_ms)
return now
