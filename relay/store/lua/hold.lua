-- A worker says how many connections it holds under each cap.
-- Follows clock.lua.
-- KEYS[2]: each cap's key
-- ARGV: worker, as "process/life"; known generation, whether the process was taken for dead since it last said so ("1" or
--   "0"), how many caps; of each cap: how many connections it holds, and the limit
-- Returns: generation, and of each cap: how many of the worker's connections are too many, and how many all hold
local worker, was_dead, caps = ARGV[1], ARGV[3] == "1", {}
for number = 1, bounded(ARGV[4], 0, #KEYS - 1) do
  local at = 3 + 2 * number
  caps[number] = {
    key = KEYS[1 + number], held = bounded(ARGV[at], 0, LONGEST), limit = bounded(ARGV[at + 1], 0, LONGEST),
  }
end

local _, generation = read_clock(ARGV[2])
local answer = {generation}
for _, cap in ipairs(caps) do
  local fields, others, surplus, known, is_late = redis.call("HGETALL", cap.key), 0, 0, false, false
  for at = 1, #fields, 2 do
    if fields[at] == worker then
      known = true
    elseif is_former_life(fields[at], worker) then
      known = true
      redis.call("HDEL", cap.key, fields[at])
    else
      others = others + tonumber(fields[at + 1])
      is_late = is_late or is_former_life(worker, fields[at]) -- what it says now is past
    end
  end
  if is_late then
    cap.held = 0
  elseif was_dead or not known then -- others may have been let in meanwhile
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
