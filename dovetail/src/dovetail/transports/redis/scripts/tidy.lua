-- ARGV: milliseconds. Forgets members that have nothing in flight and said nothing for so long, counts anew what a
-- group has read, and puts back what nobody would be given.

-- So many of the oldest entries of a queue are looked at.
local OLDEST = 100

-- Before 7.4 a server that restarts on its append-only file, or a replica that is promoted, has counted too little.
local function recount(stream, group)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, info in ipairs(groups.err and {} or groups) do
    local last = field_of(info, 'last-delivered-id')
    if field_of(info, 'name') == group and field_of(info, 'lag') ~= 0
      and #call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1) == 0 then
      local added = field_of(call('XINFO', 'STREAM', stream), 'entries-added')
      call('XGROUP', 'SETID', stream, group, last, 'ENTRIESREAD', added)
    end
  end
end

-- Redis 7.0 that lost its power within a transaction leaves the beginning in its append-only file, and carries it
-- out when it is started once more: before the place up to which the group was given all.
local function put_back(queue, group)
  local groups = redis.pcall('XINFO', 'GROUPS', queue)
  local info, after = not groups.err and groups[1], '-'
  for _ = 1, info and OLDEST or 0 do
    local entry = call('XRANGE', queue, after, field_of(info, 'last-delivered-id'), 'COUNT', 1)[1]
    if not entry then return end
    after = '(' .. entry[1]
    if #call('XPENDING', queue, group, entry[1], entry[1], 1) == 0 then
      local attempt, unsettled = field_of(entry[2], 'dovetail-attempt'), field_of(entry[2], 'dovetail-lost')
      call('XADD', queue, '*', unpack(moved(entry, attempt or 1, unsettled or 0)))
      call('XDEL', queue, entry[1])
    end
  end
end

local function tidy(stream, group)
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, group)
  if consumers.err then return end
  for _, consumer in ipairs(consumers) do
    if field_of(consumer, 'pending') == 0 and field_of(consumer, 'idle') > tonumber(ARGV[1]) then
      call('XGROUP', 'DELCONSUMER', stream, group, field_of(consumer, 'name'))
    end
  end
end

for _, name in ipairs(call('HKEYS', P .. ':claims')) do
  local group, claimed = claim_of(name)
  local members = call('HGETALL', P .. ':members:' .. name)
  for i = 1, #members, 2 do
    if now() - (tonumber(members[i + 1]) or 0) > tonumber(ARGV[1]) then call('HDEL', P .. ':members:' .. name, members[i]) end
  end
  if group then
    tidy(queue_of(group, claimed), group)
    tidy(events_of(claimed), group)
    recount(events_of(claimed), group)
    pcall(put_back, queue_of(group, claimed), group)
  end
end
