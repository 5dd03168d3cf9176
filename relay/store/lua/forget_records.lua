-- Forgets records that were rolled up. Does nothing where the last of them is gone: then the stream is a new one,
-- and what it holds was not rolled up.
-- KEYS[1]: the telemetry stream
-- ARGV[1]: position of the last record that was rolled up
-- ARGV[2]: the least position that stays, in milliseconds since 1970 or as a whole position
-- Returns: how many records were forgotten
if #redis.call("XRANGE", KEYS[1], ARGV[1], ARGV[1]) == 0 then
  return 0
end
return redis.call("XTRIM", KEYS[1], "MINID", ARGV[2])
