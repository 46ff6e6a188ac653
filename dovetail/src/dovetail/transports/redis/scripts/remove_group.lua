-- ARGV: group, claimed, and what a subject matches that was claimed.
-- What waits of a command, or is delayed, goes into a queue without a group, for the group that claims it next.
local group, claimed, matching = unpack(ARGV)
local name, queue, delayed = group .. ':' .. claimed, queue_of(group, claimed), delayed_of(group, claimed)
if call('HGET', P .. ':commands', claimed) == group then
  for _, member in ipairs(call('ZRANGE', delayed, 0, -1)) do
    call('XADD', queue, '*', unpack(delayed_fields(member)))
  end
  if call('EXISTS', queue) == 1 then
    redis.pcall('XGROUP', 'DESTROY', queue, group)
    call('RENAME', queue, queue_of('', claimed))
  end
  call('HSET', P .. ':commands', claimed, '')
end
if call('HGET', P .. ':claims', name) == 'event' then
  call('SADD', P .. ':released', matching)
  redis.pcall('XGROUP', 'DESTROY', events_of(claimed), group)
  call('HDEL', P .. ':patterns', name)
  call('HDEL', P .. ':founding', name)
end
call('UNLINK', queue, delayed)
call('HDEL', P .. ':left', name)
call('UNLINK', P .. ':members:' .. name)
call('HDEL', P .. ':claims', name)
