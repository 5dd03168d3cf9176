-- Keeps which version of each policy of a tenant is in force, and the first announcement of it.
-- KEYS[1]: keys.announced(tenant)
-- ARGV: id of the announcement, for how long it is kept (milliseconds); of each policy: its id, its version
-- Returns: how many versions are new
local fresh, news = {}, 0
for at = 3, #ARGV, 2 do
  local policy, version = ARGV[at], ARGV[at + 1]
  local known = redis.call("HGET", KEYS[1], policy)
  if known and string.match(known, "^(%d+) ") == version then
    fresh[policy] = known
  else
    fresh[policy], news = version .. " " .. ARGV[1], news + 1
  end
end
redis.call("DEL", KEYS[1])
for policy, announced in pairs(fresh) do
  redis.call("HSET", KEYS[1], policy, announced)
end
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return news
