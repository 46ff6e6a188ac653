-- ARGV: the bytes that events may take (0: any number), what stands before a subject in the name of its channel,
-- and then kind, subject, id and body of each message. Gives for each what became of it.

-- Ids are remembered for two to three minutes: in a set for each minute, of which three are kept. It takes half
-- the memory of a key for each id, and less time.
local minute = math.floor(now() / 60000)
local function ids_of(age) return P .. ':ids:' .. minute - age end

local limit, channels = tonumber(ARGV[1]), ARGV[2]
local patterns = call('HGETALL', P .. ':patterns')
local stored = limit > 0 and tonumber(call('GET', P .. ':bytes') or 0) or 0
local added, known = 0, {}

local function is_known(id)
  return call('SISMEMBER', ids_of(0), id) == 1 or call('SISMEMBER', ids_of(1), id) == 1
    or call('SISMEMBER', ids_of(2), id) == 1
end

-- Ids go on from subject to subject, so that the history of several has the order in which they were published
-- within a millisecond, too, and though the clock was set back.
local ms, sequence

local function parts(id)
  local first, second = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(first), tonumber(second)
end

local function last_id() return string.format('%.0f-%.0f', ms, sequence) end

local function next_id()
  if not ms then
    ms, sequence = parts(call('GET', P .. ':last') or '0-0')
    if not ms or ms < now() then ms, sequence = now(), -1 end
  end
  sequence = sequence + 1
  return last_id()
end

local function store_event(subject, body)
  local id = redis.pcall('XADD', events_of(subject), next_id(), 'body', body)
  if type(id) == 'table' then -- an error: what came by other means has a later id
    ms, sequence = parts(call('XADD', events_of(subject), '*', 'body', body))
  end
end

local function add_event(subject, body)
  if limit > 0 and stored + added + #body > limit then return 'full' end
  store_event(subject, body)
  added = added + #body
  if not known[subject] then
    known[subject] = call('SADD', P .. ':subjects', subject)
  end
  for i = 1, #patterns, 2 do
    if matches(subject, patterns[i + 1]) then
      call('XADD', P .. ':queue:' .. patterns[i], '*', 'dovetail-subject', subject, 'body', body)
    end
  end
  return 'ok'
end

local function add_command(subject, body)
  local group = call('HGET', P .. ':commands', subject)
  if not group then return 'no group' end
  call('XADD', queue_of(group, subject), '*', 'body', body)
  return 'ok'
end

local results = {}
for i = 3, #ARGV, 4 do
  local kind, subject, id, body = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local result = 'ok'
  if not is_known(id) then
    result = (kind == 'event' and add_event or add_command)(subject, body)
    if result == 'ok' then
      call('SADD', ids_of(0), id)
      call('PUBLISH', channels .. subject, body)
    end
  end
  results[#results + 1] = result
end
if call('TTL', ids_of(0)) < 0 then
  call('EXPIRE', ids_of(0), 300)
  call('UNLINK', ids_of(3)) -- in the background, where its end by time would hold others up
end
if ms then call('SET', P .. ':last', last_id()) end
redis.pcall('INCRBY', P .. ':bytes', added) -- where it is no number, trimming sets it anew
return results
