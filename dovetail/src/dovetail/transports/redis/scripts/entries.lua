-- Stands before the scripts that read and move entries. An entry is {id, {name, value, …}}.

local function id_parts(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

local function id_before(one, other)
  local one_ms, one_sequence = id_parts(one)
  local other_ms, other_sequence = id_parts(other)
  if one_ms ~= other_ms then return one_ms < other_ms end
  return one_sequence < other_sequence
end

-- The value of one field in an entry's list of names and values.
local function field_of(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end

-- The id under which a message was first stored: it stays when the message moves.
local function key_of(entry)
  local key = field_of(entry[2], 'dovetail-key')
  return key and id_parts(key) and key or entry[1] -- others may write anything there
end

-- The fields of an entry that moves to the group's queue, with other values of ours among them.
-- `unsettled` counts the deliveries that ended without ack or failure.
local function moved(entry, attempt, unsettled)
  local fields = {'dovetail-key', key_of(entry), 'dovetail-attempt', attempt, 'dovetail-lost', unsettled}
  for i = 1, #entry[2], 2 do
    local name = entry[2][i]
    if name ~= 'dovetail-key' and name ~= 'dovetail-attempt' and name ~= 'dovetail-lost' then
      fields[#fields + 1] = name
      fields[#fields + 1] = entry[2][i + 1]
    end
  end
  return fields
end

-- Takes an entry away from the group once `put` has put it elsewhere: where that fails, nothing is lost.
local function take_out(stream, queue, group, id, put)
  local entry = call('XRANGE', stream, id, id)[1]
  if entry then put(entry) end
  call('XACK', stream, group, id)
  if stream == queue then call('XDEL', stream, id) end
end

-- The same, only where this consumer has it in flight.
local function take_out_mine(stream, queue, group, consumer, id, put)
  local pending = redis.pcall('XPENDING', stream, group, id, id, 1, consumer)
  if not pending.err and #pending > 0 then take_out(stream, queue, group, id, put) end
end

-- Up to about `most` events after an id, in order, of all subjects that match; the second result is the id
-- up to which there is none left out, nil where there are no more at all.
local function history(matching, after, most)
  local found, bound = {}, nil
  for _, subject in ipairs(call('SMEMBERS', P .. ':subjects')) do
    if matches(subject, matching) then
      local page = call('XRANGE', events_of(subject), after, '+', 'COUNT', most)
      for _, entry in ipairs(page) do found[#found + 1] = {entry[1], entry[2], subject} end
      local last = #page == most and page[#page][1]
      if last and (not bound or id_before(last, bound)) then bound = last end
    end
  end
  table.sort(found, function(one, other) return id_before(one[1], other[1]) end)
  while bound and id_before(bound, found[#found][1]) do table.remove(found) end
  return found, bound
end

-- The fields of what waits for its time; others may write anything there, which is a body then.
local function delayed_fields(member)
  local known, fields = pcall(cmsgpack.unpack, member)
  if not known or type(fields) ~= 'table' or #fields == 0 or #fields % 2 == 1 then return {'body', member} end
  for _, field in ipairs(fields) do
    if type(field) ~= 'string' and type(field) ~= 'number' then return {'body', member} end
  end
  return fields
end

-- Counts dead letters of a claim, one more or one less. What is no number counts as none.
local function count_letter(group, claimed, change)
  local counts, name = P .. ':dead:counts', group .. ':' .. claimed
  local count = redis.pcall('HINCRBY', counts, name, change)
  if type(count) == 'table' then
    call('HDEL', counts, name)
    count = call('HINCRBY', counts, name, change)
  end
  if count <= 0 then call('HDEL', counts, name) end
end

-- Group and subject of a claim by its name; nothing for what others wrote there.
local function claim_of(name) return string.match(name, '^([^:]+):(.+)$') end

-- Bytes that events and commands take.
local function usage()
  local bytes = 0
  for _, subject in ipairs(call('SMEMBERS', P .. ':subjects')) do
    bytes = bytes + (call('MEMORY', 'USAGE', events_of(subject)) or 0)
  end
  return bytes
end
