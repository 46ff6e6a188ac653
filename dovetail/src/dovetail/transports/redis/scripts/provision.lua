-- ARGV: group, claimed, kind, start, and what a subject matches in Lua's own patterns (empty: `claimed` is none).
-- Gives 'ok', or 'more' where the history goes on and the call is to be repeated, or the group that already
-- has the command.
local group, claimed, kind, start, matching = unpack(ARGV)
local name, queue = group .. ':' .. claimed, queue_of(group, claimed)

local function join(stream, from)
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, from, 'MKSTREAM')
  if made.err and not string.find(made.err, '^BUSYGROUP') then error(made.err) end
end

-- What was published before the group existed comes into its queue page by page, so that nobody waits long.
local PAGE = 500

local function is_copied()
  local after = call('HGET', P .. ':founding', name)
  local found, bound = history(matching, after and '(' .. after or '-', PAGE)
  for _, entry in ipairs(found) do
    call('XADD', queue, '*', 'dovetail-subject', entry[3], unpack(entry[2]))
  end
  if bound then
    call('HSET', P .. ':founding', name, bound)
    return false
  end
  call('HDEL', P .. ':founding', name)
  return true
end

if kind == 'command' then
  local owner = call('HGET', P .. ':commands', claimed)
  if owner and owner ~= '' and owner ~= group then return owner end
  if owner == '' and call('EXISTS', queue_of('', claimed)) == 1 then
    call('RENAME', queue_of('', claimed), queue) -- what was kept when its group was removed
  end
  call('HSET', P .. ':commands', claimed, group)
end
join(queue, '0')
if kind == 'event' and matching == '' then
  join(events_of(claimed), start == 'new' and '$' or '0')
  call('SADD', P .. ':subjects', claimed)
elseif kind == 'event' and call('HEXISTS', P .. ':patterns', name) == 0 then
  if start ~= 'new' and not is_copied() then return 'more' end
  call('HSET', P .. ':patterns', name, matching)
end
call('HSET', P .. ':claims', name, kind)
return 'ok'
