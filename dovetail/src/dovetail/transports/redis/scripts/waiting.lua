-- ARGV: group, claimed, what a subject matches (empty: `claimed` is no pattern), how many at most.
-- Gives id, fields and subject (or nothing for `claimed`) of what the group has yet to handle, oldest first.
local group, claimed, matching, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local found = {}

local function add(stream, from, to, count)
  for _, entry in ipairs(call('XRANGE', stream, from, to, 'COUNT', count)) do
    found[#found + 1] = {key_of(entry), entry[2]}
  end
end

local function add_unhandled()
  local stream = events_of(claimed)
  for _, info in ipairs(call('EXISTS', stream) == 1 and call('XINFO', 'GROUPS', stream) or {}) do
    if field_of(info, 'name') == group then
      for _, one in ipairs(call('XPENDING', stream, group, '-', '+', most)) do
        add(stream, one[1], one[1], 1)
      end
      add(stream, '(' .. field_of(info, 'last-delivered-id'), '+', most)
    end
  end
end

if call('HEXISTS', P .. ':claims', group .. ':' .. claimed) == 1 then
  add(queue_of(group, claimed), '-', '+', most)
  for _, member in ipairs(call('ZRANGE', delayed_of(group, claimed), 0, most - 1)) do
    local fields = delayed_fields(member)
    found[#found + 1] = {key_of({'0-0', fields}), fields}
  end
  add_unhandled()
elseif matching == '' then
  add(events_of(claimed), '-', '+', most)
else
  found = history(matching, '-', most)
end
table.sort(found, function(one, other) return id_before(one[1], other[1]) end)
for i = #found, most + 1, -1 do found[i] = nil end
return found
