-- Stands before every script. KEYS[1] is the hash tag that all keys begin with, so that they lie on one
-- node of a cluster; topology.py says what lies where. Times are in milliseconds of the server's clock.
local P, call = KEYS[1], redis.call

local function events_of(subject) return P .. ':events:' .. subject end
local function queue_of(group, claimed) return P .. ':queue:' .. group .. ':' .. claimed end
local function delayed_of(group, claimed) return P .. ':delayed:' .. group .. ':' .. claimed end
local function late_of(group, claimed) return P .. ':late:' .. group .. ':' .. claimed end

-- Whether a subject is one of those; what others wrote may be no pattern of Lua's, and is nobody's.
local function matches(subject, matching)
  local known, first = pcall(string.find, subject, matching)
  return known and first
end

local function now()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
