-- ARGV: for how many milliseconds events stay after every group has handled them, and subjects.
-- A subject that no group ever claimed is left alone.
local patterns = call('HVALS', P .. ':patterns')
for _, matching in ipairs(call('SMEMBERS', P .. ':released')) do
  patterns[#patterns + 1] = matching -- nobody is to handle these any more
end
local young = string.format('%d-0', math.max(0, now() - ARGV[1]))

local function following(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return string.format('%s-%d', ms, sequence + 1)
end

-- The first id that some group has yet to handle; nil where no group has claimed the subject.
local function first_unhandled(subject, stream)
  local first = nil
  for _, info in ipairs(call('XINFO', 'GROUPS', stream)) do
    local id = call('XPENDING', stream, field_of(info, 'name'))[2]
      or following(field_of(info, 'last-delivered-id'))
    if not first or id_before(id, first) then first = id end
  end
  for _, matching in ipairs(patterns) do
    -- Its group has a copy, or was removed.
    if not first and matches(subject, matching) then first = young end
  end
  return first
end

for i = 2, #ARGV do
  local stream = events_of(ARGV[i])
  local first = call('EXISTS', stream) == 1 and first_unhandled(ARGV[i], stream)
  if first then call('XTRIM', stream, 'MINID', id_before(first, young) and first or young) end
end
call('SET', P .. ':bytes', usage())
