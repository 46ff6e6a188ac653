-- Gives messages, bytes, dead letters, and for each claim its name, kind, how many wait, are in flight and dead,
-- when the oldest of them was published, or 0, and 1 where how many wait is an estimate, or 0.

local function group_info(stream, group)
  if call('EXISTS', stream) == 0 then return nil end
  for _, info in ipairs(call('XINFO', 'GROUPS', stream)) do
    if field_of(info, 'name') == group then return info end
  end
end

local function row(name, kind)
  local group, claimed = claim_of(name)
  local queue, events, delayed = queue_of(group, claimed), events_of(claimed), delayed_of(group, claimed)
  local waiting, in_flight, oldest, about = 0, call('ZCARD', delayed), nil, 0

  local function older(id) if id and (not oldest or id_before(id, oldest)) then oldest = id end end

  local info = group_info(queue, group)
  if info then
    local pending = field_of(info, 'pending')
    waiting, in_flight = call('XLEN', queue) - pending, in_flight + pending
    local first = call('XRANGE', queue, '-', '+', 'COUNT', 1)[1]
    if first then older(key_of(first)) end
  end
  info = kind == 'event' and group_info(events, group)
  if info then
    in_flight = in_flight + field_of(info, 'pending')
    older(call('XPENDING', events, group)[2])
    local next = call('XRANGE', events, '(' .. field_of(info, 'last-delivered-id'), '+', 'COUNT', 1)[1]
    if next then
      local lag = field_of(info, 'lag')
      waiting = waiting + (lag or call('XLEN', events)) -- the server does not always know
      if not lag then about = 1 end
      older(next[1])
    end
  end
  local due = call('ZRANGE', delayed, 0, 0)[1]
  if due then older(key_of({nil, delayed_fields(due)})) end
  local dead = tonumber(call('HGET', P .. ':dead:counts', name) or 0) or 0
  return {name, kind, waiting, in_flight, dead, oldest and (id_parts(oldest)) or 0, about}
end

local messages, bytes, rows = 0, usage(), {}
for _, subject in ipairs(call('SMEMBERS', P .. ':subjects')) do
  messages = messages + call('XLEN', events_of(subject))
end
local commands = call('HGETALL', P .. ':commands')
for i = 1, #commands, 2 do
  local queue = queue_of(commands[i + 1], commands[i])
  messages = messages + call('XLEN', queue)
  bytes = bytes + (call('MEMORY', 'USAGE', queue) or 0)
end
local claims = call('HGETALL', P .. ':claims')
for i = 1, #claims, 2 do rows[#rows + 1] = claim_of(claims[i]) and row(claims[i], claims[i + 1]) end
return {messages, bytes, call('XLEN', P .. ':dead'), rows}
